"""Stripe's payouts: the balance transactions of each by API, and the itemised payout reconciliation as a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from studyspot.gateways.settlements.lines import Kind, ReportLine, Row, day_of, in_paise, in_rupees, named, owed
from studyspot.kit.clock import INDIA

PAGE = 100
LONGEST = 1_000
KINDS: Mapping[str, Kind] = {
    "charge": "payment",
    "refund": "refund",
    "refund_failure": "refund_reversal",
    "dispute": "dispute",
    "dispute_reversal": "dispute_reversal",
}


def of_row(row: Row) -> ReportLine | None:
    """Amounts in rupees, signed; fee and GST are one figure unless a column `tax` tells them apart."""
    payout = named(row, "automatic_payout_id", "payout_id")
    if not payout:
        return None
    category = owed(row, "reporting_category")
    kind = KINDS.get(category, "adjustment")
    intent, fee = named(row, "payment_intent_id"), in_rupees(row.get("fee"))
    tax = in_rupees(row["tax"]) if row.get("tax") else None
    return ReportLine(
        settlement_id=payout,
        utr=named(row, "trace_id", "automatic_payout_trace_id"),
        settled_on=day_of(owed(row, "automatic_payout_effective_at", "automatic_payout_effective_at_utc")),
        kind=kind,
        entity_id=(intent if kind == "payment" else "") or owed(row, "source_id", "balance_transaction_id"),
        payment_id=intent,
        order_id=intent,
        reference="",
        currency=owed(row, "currency").upper(),
        gross_paise=in_rupees(row.get("gross")),
        fee_paise=fee - (tax or 0),
        gst_paise=tax if fee else 0,
        net_paise=in_rupees(row.get("net")),
    )


def of_transaction(payout: Mapping[str, Any], told: Mapping[str, Any]) -> ReportLine | None:
    """One balance transaction; the payout itself is one of them, and no line of its own."""
    category = owed(told, "reporting_category")
    if category == "payout":
        return None
    kind = KINDS.get(category, "adjustment")
    source = told.get("source")
    about: Mapping[str, Any] = source if isinstance(source, dict) else {"id": source}
    intent = named(about, "payment_intent")
    details = told.get("fee_details")
    lines = [line for line in details if isinstance(line, dict)] if isinstance(details, list) else []
    tax = sum(in_paise(line.get("amount")) for line in lines if line.get("type") == "tax")
    return ReportLine(
        settlement_id=owed(payout, "id"),
        utr=named(payout.get("trace_id") or {}, "value"),
        settled_on=day_of(payout.get("arrival_date")),
        kind=kind,
        entity_id=(intent if kind == "payment" else "") or owed(about, "id"),
        payment_id=intent,
        order_id=intent,
        reference=named(about.get("metadata") or {}, "reference") if kind == "refund" else "",
        currency=owed(told, "currency").upper(),
        gross_paise=in_paise(told.get("amount")),
        fee_paise=in_paise(told.get("fee")) - tax,
        gst_paise=tax,
        net_paise=in_paise(told.get("net")),
    )


def fetch(client: Any, day: date) -> list[ReportLine]:
    """Every payout that arrived on the day, and what each is made of."""
    start = datetime.combine(day, time(), INDIA)
    within = {"gte": int(start.timestamp()), "lt": int((start + timedelta(days=1)).timestamp())}
    found: list[ReportLine] = []
    for payout in _all(client, "/v1/payouts", {"arrival_date": within}):
        asked = {"payout": payout["id"], "expand": ["data.source"]}
        lines = (of_transaction(payout, told) for told in _all(client, "/v1/balance_transactions", asked))
        found += [line for line in lines if line]
    return found


def _all(client: Any, path: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: dict[str, Any] = {}
    for _ in range(LONGEST):
        told = client.call("GET", path, 10.0, {**asked, "limit": PAGE, **after})
        found += told.get("data") or []
        if not told.get("has_more"):
            break
        after = {"starting_after": found[-1]["id"]}
    return found
