"""Which column of which export holds what.

AWS names the same thing three ways: `lineItem/UnblendedCost` in CUR legacy CSV, `line_item_unblended_cost` in CUR
legacy Parquet and CUR 2.0, and the FOCUS columns. Columns are found by name in each file's own header, because
their order and their set change between files and between assemblies.

Sources: AWS CUR user guide (column dictionary), AWS Data Exports table dictionary (CUR 2.0, FOCUS 1.0 and 1.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from batch_platform.core.failures import PermanentFailure
from batch_platform.finops.model import Format

CUR_TEXT: Final = {
    "line_item_type": ("line_item_line_item_type",),
    "product_code": ("line_item_product_code",),
    "service_code": ("product_servicecode", "product_service_code"),
    "product_name": ("product_product_name",),
    "product_map": ("product",),
    "billing_entity": ("bill_billing_entity",),
    "usage_account_id": ("line_item_usage_account_id",),
    "payer_account_id": ("bill_payer_account_id",),
    "invoice_id": ("bill_invoice_id",),
    "region": ("product_region",),
    "region_code": ("product_region_code",),
    "currency": ("line_item_currency_code",),
    "operation": ("line_item_operation",),
    "usage_start": ("line_item_usage_start_date",),
    "billing_period_start": ("bill_billing_period_start_date",),
    "reservation_arn": ("reservation_reservation_a_r_n", "reservation_reservation_arn"),
    "savings_plan_arn": ("savings_plan_savings_plan_a_r_n", "savings_plan_savings_plan_arn"),
    "split_parent_id": ("split_line_item_parent_resource_id",),
    "resource_id": ("line_item_resource_id",),
    "usage_type": ("line_item_usage_type",),
    "description": ("line_item_line_item_description",),
    "pricing_unit": ("pricing_unit",),
    "pricing_term": ("pricing_term",),
    "payer_account_name": ("bill_payer_account_name",),
    "invoice_issuer": ("bill_invoicing_entity",),
    "publisher": ("line_item_legal_entity",),
}

CUR_MONEY: Final = {
    "unblended_cost": "line_item_unblended_cost",
    "blended_cost": "line_item_blended_cost",
    "net_unblended_cost": "line_item_net_unblended_cost",
    "on_demand_cost": "pricing_public_on_demand_cost",
    "ri_effective_cost": "reservation_effective_cost",
    "ri_unused_upfront": "reservation_unused_amortized_upfront_fee_for_billing_period",
    "ri_unused_recurring": "reservation_unused_recurring_fee",
    "ri_amortized_upfront": "reservation_amortized_upfront_fee_for_billing_period",
    "ri_net_effective_cost": "reservation_net_effective_cost",
    "ri_net_unused_upfront": "reservation_net_unused_amortized_upfront_fee_for_billing_period",
    "ri_net_unused_recurring": "reservation_net_unused_recurring_fee",
    "sp_effective_cost": "savings_plan_savings_plan_effective_cost",
    "sp_total_commitment": "savings_plan_total_commitment_to_date",
    "sp_used_commitment": "savings_plan_used_commitment",
    "sp_amortized_upfront": "savings_plan_amortized_upfront_commitment_for_billing_period",
    "sp_net_effective_cost": "savings_plan_net_savings_plan_effective_cost",
    "sp_net_amortized_upfront": "savings_plan_net_amortized_upfront_commitment_for_billing_period",
    "sp_net_recurring": "savings_plan_net_recurring_commitment_for_billing_period",
}

CUR_FIGURES: Final = {"usage_amount": ("line_item_usage_amount",)}

CUR_SPLIT_FIGURES: Final = {
    "split_cost": ("split_line_item_split_cost",),
    "unused_split_cost": ("split_line_item_unused_cost",),
    "net_split_cost": ("split_line_item_net_split_cost",),
    "net_unused_split_cost": ("split_line_item_net_unused_cost",),
}
"""Only of exports that tell split cost allocation."""

FOCUS_TEXT: Final = {
    "line_item_type": ("ChargeCategory",),
    "service": ("ServiceName",),
    "usage_account_id": ("SubAccountId",),
    "payer_account_id": ("BillingAccountId",),
    "invoice_id": ("InvoiceId",),
    "region": ("RegionId",),
    "currency": ("BillingCurrency",),
    "usage_start": ("ChargePeriodStart",),
    "billing_period_start": ("BillingPeriodStart",),
    "commitment_arn": ("CommitmentDiscountId",),
    "commitment_status": ("CommitmentDiscountStatus",),
    "charge_frequency": ("ChargeFrequency",),
    "resource_id": ("ResourceId",),
    "usage_type": ("x_UsageType", "SkuMeter"),
    "operation": ("x_Operation",),
    "description": ("ChargeDescription",),
    "pricing_unit": ("PricingUnit",),
    "pricing_term": ("PricingCategory",),
    "service_category": ("ServiceCategory",),
    "payer_account_name": ("BillingAccountName",),
    "invoice_issuer": ("InvoiceIssuerName",),
    "publisher": ("PublisherName",),
    "correction": ("ChargeClass",),
}

FOCUS_MONEY: Final = {
    "billed_cost": "BilledCost",
    "effective_cost": "EffectiveCost",
    "list_cost": "ListCost",
}

FOCUS_FIGURES: Final = {
    "usage_amount": ("ConsumedQuantity", "PricingQuantity"),
    "pricing_quantity": ("PricingQuantity",),
    "contracted_cost": ("ContractedCost",),
}

_CUR_REQUIRED: Final = frozenset(
    {"line_item_type", "product_code", "usage_account_id", "payer_account_id", "invoice_id", "currency"}
    | {"usage_start", "billing_period_start", "unblended_cost"}
)
_FOCUS_REQUIRED: Final = frozenset(
    {"line_item_type", "service", "usage_account_id", "payer_account_id", "currency"}
    | {"usage_start", "billing_period_start", "billed_cost", "effective_cost", "list_cost"}
)

# The documented column families. What belongs to none of them, and every tag and cost category, is carried
# through as it came; the rest of these families (product attributes, rates, identities) stays in the source.
_CUR_FAMILIES: Final = (
    "identity",
    "bill",
    "line_item",
    "product",
    "pricing",
    "reservation",
    "savings_plan",
    "split_line_item",
    "discount",
)
_TAG_FAMILIES: Final = ("resource_tags", "cost_category", "tags")
_FOCUS_COLUMN: Final = re.compile(r"^[A-Z][A-Za-z]+$")


@dataclass(frozen=True)
class Layout:
    """Where the columns of one file stand: our name -> the file's column name.

    `money` is what costs are computed from, `figures` are numbers that no cost needs. `carried` are the tags, cost
    categories and unknown columns, kept under their own names.
    """

    format: Format
    text: Mapping[str, str]
    money: Mapping[str, str]
    figures: Mapping[str, str]
    carried: tuple[str, ...]

    @property
    def spelled(self) -> dict[str, str]:
        """Every column of ours -> the file's name for it."""
        return {**self.text, **self.money, **self.figures}


def canonical(name: str) -> str:
    """`lineItem/UnblendedCost` -> `line_item_unblended_cost`; a name already in snake case stays."""
    family, slash, rest = name.partition("/")
    if not slash:
        return name
    return f"{_snake(family)}_{_snake(rest)}"


def recognise(header: Iterable[str], *, where: str) -> Layout:
    """The layout of a file by its header alone.

    Raises `PermanentFailure` naming the file and the columns a cost cannot be computed without.
    """
    names = tuple(header)
    if "BilledCost" in names:
        return _focus_layout(names, where=where)
    return _cur_layout(names, where=where)


def _cur_layout(names: tuple[str, ...], *, where: str) -> Layout:
    by_canonical: dict[str, str] = {}
    for name in names:
        by_canonical.setdefault(canonical(name), name)
    text = _pick(CUR_TEXT, by_canonical)
    money = {ours: by_canonical[theirs] for ours, theirs in CUR_MONEY.items() if theirs in by_canonical}
    _require(_CUR_REQUIRED, {*text, *money}, {**{k: v[0] for k, v in CUR_TEXT.items()}, **CUR_MONEY}, where=where)
    legacy = "lineItem/UnblendedCost" in names or "product" not in names
    carried = tuple(name for name in names if _is_carried(name))
    figures = _pick({**CUR_FIGURES, **CUR_SPLIT_FIGURES}, by_canonical)
    return Layout(Format.CUR_LEGACY if legacy else Format.CUR2, text, money, figures, carried)


def _focus_layout(names: tuple[str, ...], *, where: str) -> Layout:
    by_name = {name: name for name in names}
    text = _pick(FOCUS_TEXT, by_name)
    money = {ours: theirs for ours, theirs in FOCUS_MONEY.items() if theirs in by_name}
    _require(
        _FOCUS_REQUIRED, {*text, *money}, {**{k: v[0] for k, v in FOCUS_TEXT.items()}, **FOCUS_MONEY}, where=where
    )
    known = {*text.values()}
    carried = tuple(name for name in names if name == "Tags" or (not _FOCUS_COLUMN.match(name) and name not in known))
    return Layout(Format.FOCUS, text, money, _pick(FOCUS_FIGURES, by_name), carried)


def _pick(columns: Mapping[str, tuple[str, ...]], present: Mapping[str, str]) -> dict[str, str]:
    return {
        ours: next(present[name] for name in names if name in present)
        for ours, names in columns.items()
        if any(name in present for name in names)
    }


def _require(required: frozenset[str], present: set[str], spelling: Mapping[str, str], *, where: str) -> None:
    missing = sorted(spelling[name] for name in required - present)
    if missing:
        raise PermanentFailure(
            "no-cost-report",
            "{where}: not a cost and usage report: no column {columns}",
            where=where,
            columns=list(missing),
        )


def _is_carried(name: str) -> bool:
    column = canonical(name)
    if column.startswith(_TAG_FAMILIES):
        return True
    return not column.startswith(_CUR_FAMILIES)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z])", "_", name).lower()
