"""Razorpay's combined reconciliation: the API's items, the file of the same names, and the dashboard's own file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from studyspot.gateways.settlements.lines import Kind, ReportLine, Row, day_of, in_paise, in_rupees, named, owed

PAGE = 100
LONGEST = 1_000
"""Pages of one day; more is not believed."""


def of_item(item: Mapping[str, Any]) -> ReportLine | None:
    """Amounts in paise; `fee` contains `tax`; what is not settled yet belongs to no payout."""
    if str(item.get("settled")).lower() not in ("true", "1") or not named(item, "settlement_id"):
        return None
    fee, tax = in_paise(item.get("fee")), in_paise(item.get("tax"))
    net = in_paise(item.get("credit")) - in_paise(item.get("debit"))
    return _line(item, owed(item, "type"), in_paise(item.get("amount")), fee - tax, tax, net)


def of_row(row: Row) -> ReportLine | None:
    """The dashboard writes rupees, and the fee without its tax."""
    if "transaction_entity" not in row:
        return of_item(row)
    if not named(row, "settlement_id"):
        return None
    fee = row.get("fee_exclusive_tax", row.get("fee"))
    net = in_rupees(row.get("credit")) - in_rupees(row.get("debit"))
    told = owed(row, "transaction_entity")
    return _line(row, told, in_rupees(row.get("amount")), in_rupees(fee), in_rupees(row.get("tax")), net)


def _line(item: Mapping[str, Any], told: str, amount: int, fee: int, tax: int, net: int) -> ReportLine:
    dispute = named(item, "dispute_id")
    kind: Kind = "adjustment"
    if dispute:
        kind = "dispute" if net < 0 else "dispute_reversal"
    elif told in ("payment", "refund"):
        kind = "payment" if told == "payment" else "refund"
    entity = owed(item, "entity_id")
    return ReportLine(
        settlement_id=owed(item, "settlement_id"),
        utr=named(item, "settlement_utr"),
        settled_on=day_of(owed(item, "settled_at")),
        kind=kind,
        entity_id=dispute or entity,
        payment_id=entity if kind == "payment" else named(item, "payment_id"),
        order_id=named(item, "order_id"),
        reference=named(item, "receipt", "refund_receipt"),
        currency=owed(item, "currency").upper(),
        gross_paise=amount if kind == "payment" else -amount if net < 0 else amount,
        fee_paise=fee,
        gst_paise=tax,
        net_paise=net,
    )


def fetch(client: Any, day: date) -> list[ReportLine]:
    """Page by page, as the vendor gives them."""
    found: list[ReportLine] = []
    for page in range(LONGEST):
        asked = {"year": day.year, "month": day.month, "day": day.day, "count": PAGE, "skip": page * PAGE}
        items = client.call("settlement.report", asked).get("items") or []
        found += [line for line in map(of_item, items) if line]
        if len(items) < PAGE:
            break
    return found
