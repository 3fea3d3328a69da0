"""Cashfree's settlement reconciliation: the API's events, and the file of the same names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from studyspot.gateways.settlements.lines import Kind, ReportLine, Row, day_of, in_rupees, named, owed

PAGE = 100
LONGEST = 1_000
KINDS: Mapping[str, Kind] = {
    "PAYMENT": "payment",
    "REFUND": "refund",
    "REFUND_REVERSAL": "refund_reversal",
    "DISPUTE": "dispute",
    "CHARGEBACK": "dispute",
    "DISPUTE_REVERSAL": "dispute_reversal",
    "CHARGEBACK_REVERSAL": "dispute_reversal",
}


def of_row(item: Row | Mapping[str, Any]) -> ReportLine | None:
    """Amounts in rupees without a sign: `sale_type` says which way they go."""
    settlement = named(item, "cf_settlement_id", "settlement_id")
    if not settlement:
        return None
    sign = -1 if owed(item, "sale_type").upper() == "DEBIT" else 1
    kind = KINDS.get(owed(item, "event_type").upper(), "adjustment")
    entity = {"payment": "cf_payment_id", "refund": "cf_refund_id", "refund_reversal": "cf_refund_id"}.get(kind)
    return ReportLine(
        settlement_id=settlement,
        utr=named(item, "settlement_utr"),
        settled_on=day_of(owed(item, "settlement_date")),
        kind=kind,
        entity_id=owed(item, *filter(None, (entity, "event_id"))),
        payment_id=named(item, "cf_payment_id"),
        order_id=named(item, "order_id"),
        reference=named(item, "refund_id"),
        currency=owed(item, "event_currency").upper(),
        gross_paise=sign * abs(in_rupees(item.get("event_amount"))),
        fee_paise=in_rupees(item.get("payment_service_charge")),
        gst_paise=in_rupees(item.get("payment_service_tax")),
        net_paise=sign * abs(in_rupees(item.get("event_settlement_amount"))),
    )


def fetch(client: Any, day: date) -> list[ReportLine]:
    """Page by page, each with the cursor of the one before."""
    found: list[ReportLine] = []
    cursor = None
    for _ in range(LONGEST):
        asked = {
            "pagination": {"limit": PAGE, "cursor": cursor},
            "filters": {"start_date": f"{day}T00:00:00+05:30", "end_date": f"{day}T23:59:59+05:30"},
        }
        told = client.call("POST", "/settlement/recon", 10.0, asked)
        found += [line for line in map(of_row, told.get("data") or []) if line]
        cursor = told.get("cursor")
        if not cursor:
            break
    return found
