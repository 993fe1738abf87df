"""One contract's month: its lines, what is taken off them, the tax on each rate; and what is given back of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final

from batch_platform.staffing.proving.oracle.dates import due_date, issue_date
from batch_platform.staffing.proving.oracle.days import ONE_DAY, day, day_or_none, days, month
from batch_platform.staffing.proving.oracle.exact import number, plain, rounded

Json = dict[str, Any]
Line = Mapping[str, Any]
Rate = Fraction | None
"""Percent; None is exempt."""

ISSUE_REQUIRED_FROM: Final = 10_000
"""Yen, tax included: below it nobody must be sent a document of what was given back."""


@dataclass(frozen=True)
class Segment:
    """Days of a month under one plan, both included."""

    first: date
    last: date
    plan: Mapping[str, Any]

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1


def nothing(reason: str) -> Json:
    return {"document": None, "reason": reason}


def invoice(line: Line, holidays: Collection[date]) -> Json:
    """The answer to a line of `calc invoice`. Raises ValueError for what cannot be billed by its facts."""
    contract, period = line["contract"], line["period"]
    usage = {day(text): counts for text, counts in line["usage"].items()}
    segments = list(cut(contract, period))
    if not segments:
        return nothing("nothing_due")
    missing = [on for part in segments for on in days(part.first, part.last) if on not in usage]
    if missing:
        return nothing("waiting_for_usage") | {"days": [on.isoformat() for on in missing]}
    full = contract.get("proration") == "full"
    lines = [made for part in segments for made in _of_segment(part, period, usage, line["tax_rates"], full)]
    lines += _items(line.get("extras") or [], period, line["tax_rates"])
    groups: Counter[Rate] = Counter()
    for made in lines:
        groups[_rate(made["rate"])] += made["amount"]
    left = discounted(groups, line.get("discounts") or [])
    price_type = contract.get("price_type") or "net"
    figures = [taxed(rate, left[rate], price_type, line["rounding"]) for rate in descending(left) if left[rate]]
    if not figures:
        return nothing("nothing_due")
    dates = {
        "issue_date": issue_date(period).isoformat(),
        "due_date": due_date(period, contract.get("payment"), holidays).isoformat(),
    }
    return {"document": "invoice", **dates, "lines": lines, **totals(figures)}


def credit_note(line: Line) -> Json:
    """The answer to a line of `calc credit-note`: every figure is negative."""
    if line["parts"] == "all":
        figures = [
            {"rate": row["rate"]} | {name: -row[name] for name in ("net", "tax", "gross")}
            for row in line["invoice"]["per_rate"]
        ]
    else:
        parts: Counter[Rate] = Counter()
        for part in line["parts"]:
            parts[_rate(part["rate"])] += part["amount"]
        figures = [taxed(rate, -parts[rate], line["price_type"], line["rounding"]) for rate in descending(parts)]
    sums = totals(figures)
    return {"document": "credit_note", **sums, "issue_required": -sums["total"] >= ISSUE_REQUIRED_FROM}


def cut(contract: Mapping[str, Any], period: str) -> Iterator[Segment]:
    """The month's days within the contract, by the plan that is in force on each."""
    first, last = month(period)
    first = max(first, day(contract["start"]))
    last = min(last, day_or_none(contract.get("end")) or last)
    plans = sorted(contract["terms"], key=lambda plan: day(plan["from"]))
    begins = [day(plan["from"]) for plan in plans]
    if first <= last and begins[0] > first:
        raise ValueError(f"no terms before {begins[0]}")
    for plan, begin, following in zip(plans, begins, [*begins[1:], date.max], strict=True):
        part = Segment(max(begin, first), min(following - ONE_DAY, last), plan)
        if part.length > 0:
            yield part


def _beyond(peak: int, included: int | None) -> int:
    """None includes any number."""
    return 0 if included is None else peak - included


def _of_segment(
    part: Segment, period: str, usage: Mapping[date, Mapping[str, int]], rates: Collection[Line], full: bool
) -> Iterator[Json]:
    plan, of_days = part.plan, month(period)[1].day
    peak = {name: max(usage[on][name] for on in days(part.first, part.last)) for name in ("users", "engineers")}
    charged = (
        ("base", 1, plan["base_price"]),
        ("extra_users", _beyond(peak["users"], plan["max_users"]), plan["price_per_user"]),
        ("extra_engineers", _beyond(peak["engineers"], plan["max_engineers"]), plan["price_per_engineer"]),
    )
    for kind, quantity, price in charged:
        amount = quantity * price if full else quantity * price * part.length // of_days
        if quantity > 0 and amount:
            yield {
                "kind": kind,
                "from": part.first.isoformat(),
                "to": part.last.isoformat(),
                "quantity": quantity,
                "unit_price": price,
                "days": part.length,
                "of_days": of_days,
                "amount": amount,
                "rate": rate_on(rates, plan.get("category") or "standard", part.last),
            }


def _items(extras: Iterable[Line], period: str, rates: Collection[Line]) -> Iterator[Json]:
    first, last = month(period)
    for extra in extras:
        on, amount = day(extra["date"]), extra["quantity"] * extra["unit_price"]
        if first <= on <= last and amount:
            yield {
                "kind": "item",
                "from": on.isoformat(),
                "to": on.isoformat(),
                "quantity": extra["quantity"],
                "unit_price": extra["unit_price"],
                "days": None,
                "of_days": None,
                "amount": amount,
                "rate": rate_on(rates, extra.get("category") or "standard", on),
            }


def rate_on(rates: Iterable[Line], category: str, on: date) -> str | None:
    """Percent as text, None for exempt. Raises ValueError unless exactly one row is valid."""
    rows = [
        row
        for row in rates
        if row["category"] == category and day(row["valid_from"]) <= on <= (day_or_none(row.get("valid_to")) or on)
    ]
    if len(rows) != 1:
        raise ValueError(f"{len(rows)} rates of {category} on {on}")
    return None if rows[0]["rate"] is None else plain(number(rows[0]["rate"]))


def discounted(groups: Mapping[Rate, int], discounts: Iterable[Line]) -> dict[Rate, int]:
    """What is left of each rate's sum, in yen of the contract's price type."""
    left = dict(groups)
    for discount in discounts:
        value = number(discount["value"])
        if discount["kind"] == "percent":
            off = {rate: math.floor(size * value / 100) for rate, size in left.items()}
        else:
            off = spread(math.floor(value), left)
        left = {rate: max(0, size - off[rate]) for rate, size in left.items()}
    return left


def spread(amount: int, groups: Mapping[Rate, int]) -> dict[Rate, int]:
    """No more than there is, over the groups by size: whole yen, the rest to the largest fractions."""
    total = sum(groups.values())
    if not total:
        return dict.fromkeys(groups, 0)
    amount = min(amount, total)
    exact = {rate: Fraction(amount * size, total) for rate, size in groups.items()}
    shares = {rate: math.floor(share) for rate, share in exact.items()}
    by_rest = sorted(descending(groups), key=lambda rate: shares[rate] - exact[rate])
    for rate in by_rest[: amount - sum(shares.values())]:
        shares[rate] += 1
    return shares


def taxed(rate: Rate, amount: int, price_type: str, rounding: str) -> Json:
    """One rate's figures, by one rounding of its sum."""
    percent = rate or Fraction(0)
    if price_type == "gross":
        tax = rounded(amount * percent / (100 + percent), rounding)
        net = amount - tax
    else:
        tax = rounded(amount * percent / 100, rounding)
        net = amount
    return {"rate": None if rate is None else plain(rate), "net": net, "tax": tax, "gross": net + tax}


def totals(figures: list[Json]) -> Json:
    return {
        "per_rate": figures,
        "subtotal": sum(row["net"] for row in figures),
        "tax": sum(row["tax"] for row in figures),
        "total": sum(row["gross"] for row in figures),
    }


def descending(rates: Iterable[Rate]) -> list[Rate]:
    """The highest first, exempt last."""
    return sorted(rates, key=lambda rate: Fraction(-1) if rate is None else rate, reverse=True)


def _rate(text: str | None) -> Rate:
    return None if text is None else number(text)
