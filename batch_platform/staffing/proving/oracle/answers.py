"""What the commands of staffing answer after a file of facts was loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from batch_platform.staffing.proving.oracle.dates import catch_up, issue_date
from batch_platform.staffing.proving.oracle.days import day, day_or_none, days, month
from batch_platform.staffing.proving.oracle.facts import Line, World, end_of
from batch_platform.staffing.proving.oracle.invoice import invoice
from batch_platform.staffing.proving.oracle.usage import Id, in_order, usage

Json = dict[str, Any]
Billed = dict[str, dict[Id, Json]]
"""By month and contract."""


def used(world: World, on: date) -> list[Json]:
    """`staffing usage --date`: counted from the facts, of assignments the newest versions."""
    assignments = [
        {"engineer_id": line["engineer_id"], "start": line["start"], "end": end_of(line)}
        for line in world.assignments(None)
        if line["state"] == "confirmed"
    ]
    facts: dict[str, Sequence[Line]] = {
        "companies": world.of("company"),
        "users": world.of("user"),
        "engineers": world.of("engineer"),
        "assignments": assignments,
        "logins": world.of("login"),
        "api_requests": world.of("api_request"),
        "approaches": world.of("approach"),
        "mails": world.of("mail"),
        "files": world.of("file"),
    }
    rows = usage(on, facts)
    given = {line["company_id"]: line for line in world.of("usage_day") if day(line["date"]) == on}
    return [row | _totals(given.get(row["company_id"], row)) for row in rows]


def billed(
    world: World,
    months: Iterable[str],
    holidays: Collection[date],
    aggregated: Iterable[date] = (),
    earlier: Billed | None = None,
) -> Billed:
    """`staffing invoices list` of each month, by contract, when they are billed in this order.

    `aggregated` are the days whose usage was counted from the facts before. What was issued `earlier` stays as it is,
    and its numbers go on. A contract's answer is that of `calc invoice`, with `invoice_number` where there is a
    document; contracts that have no day in the month are left out.
    """
    known = _usage_days(world, aggregated)
    issued = {period: dict(invoices) for period, invoices in (earlier or {}).items()}
    numbers = _given(world, issued)
    for period in months:
        before = issued.get(period, {})
        issued[period] = {}
        contracts = [line for line in world.of("contract") if _overlaps(line, period)]
        for contract in sorted(
            contracts, key=lambda line: (in_order(line["company_id"]), in_order(line["contract_id"]))
        ):
            contract_id, issuer = contract["contract_id"], issuer_of(world, contract)
            if before.get(contract_id, {}).get("document"):
                issued[period][contract_id] = before[contract_id]
                continue
            answer = invoice(_question(world, contract, issuer, period, known), holidays)
            if answer["document"]:
                year = issue_date(period).year
                numbers[issuer["registration_number"], year] += 1
                count = numbers[issuer["registration_number"], year]
                answer["invoice_number"] = f"{issuer['number_prefix']}-{year}-{count:06}"
            issued[period][contract_id] = answer
    return issued


def approaches_due(world: World, now: datetime, done: Mapping[Id, Collection[datetime]]) -> list[Json]:
    """`staffing approaches due`: by approach, then by time."""
    return [
        {"approach_id": line["approach_id"], **occurrence}
        for line in sorted(world.of("periodic_approach"), key=lambda line: in_order(line["approach_id"]))
        for occurrence in catch_up(
            line["rule"], done.get(line["approach_id"], ()), now, line["policy"], line.get("grace_minutes")
        )
    ]


def issuer_of(world: World, contract: Line) -> Line:
    """The contract's own, or the only one there is. Raises ValueError where that is none."""
    named = contract.get("issuer")
    issuers = [line for line in world.of("issuer") if named in (None, line["registration_number"])]
    if len(issuers) != 1:
        raise ValueError(f"contract {contract['contract_id']!r} has {len(issuers)} issuers")
    return issuers[0]


def _given(world: World, issued: Billed) -> Counter[tuple[str, int]]:
    """How many numbers each issuer has given in a year."""
    contracts = {line["contract_id"]: line for line in world.of("contract")}
    return Counter(
        (issuer_of(world, contracts[contract_id])["registration_number"], issue_date(period).year)
        for period, answers in issued.items()
        for contract_id, answer in answers.items()
        if answer["document"]
    )


def _totals(row: Line) -> Json:
    return {name: row[name] for name in ("total_users", "total_engineers")}


def _usage_days(world: World, aggregated: Iterable[date]) -> dict[Id, dict[str, Json]]:
    known: dict[Id, dict[str, Json]] = {}
    for row in [*(row for on in aggregated for row in used(world, on)), *world.of("usage_day")]:
        counts = {"users": row["total_users"], "engineers": row["total_engineers"]}
        known.setdefault(row["company_id"], {})[row["date"]] = counts
    return known


def _overlaps(contract: Line, period: str) -> bool:
    first, last = month(period)
    return day(contract["start"]) <= last and (day_or_none(contract.get("end")) or last) >= first


def _question(
    world: World, contract: Line, issuer: Line, period: str, known: Mapping[Id, Mapping[str, Json]]
) -> Json:
    """The line of `calc invoice` that asks the same."""
    of_company = known.get(contract["company_id"], {})
    return {
        "period": period,
        "contract": contract,
        "usage": {
            on.isoformat(): of_company[on.isoformat()] for on in days(*month(period)) if on.isoformat() in of_company
        },
        "discounts": contract.get("discounts"),
        "extras": contract.get("extras"),
        "rounding": issuer["tax_rounding"],
        "tax_rates": world.of("tax_rate"),
    }
