"""Paytm's settlements: the API's list, and the file of the dashboard with its own names for the same things."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from studyspot.gateways import paytm_checksum
from studyspot.gateways.failures import GatewayRejected
from studyspot.gateways.settlements.lines import Kind, ReportLine, Row, day_of, in_rupees, named, owed

PAGE = 20
"""The vendor gives no more at once."""
LONGEST = 5_000
KINDS: Mapping[str, Kind] = {
    "ACQUIRING": "payment",
    "SALE": "payment",
    "REFUND": "refund",
    "CHARGEBACK": "dispute",
    "REPAYMENT": "dispute_reversal",
}


def of_row(told: Row | Mapping[str, Any]) -> ReportLine | None:
    """What has no transfer of its own yet is not settled. The API and the file name the same things differently."""
    row = {name.lower().replace("_", ""): value for name, value in told.items()}
    utr = named(row, "utr", "utrno", "utrnumber")
    if not utr:
        return None
    kind = KINDS.get(owed(row, "txntype", "transactiontype").upper(), "adjustment")
    entity = owed(row, "txnid", "transactionid")
    gross = in_rupees(_first(row, "txnamount", "amount"))
    out = kind in ("refund", "dispute")
    return ReportLine(
        settlement_id=named(row, "payoutid") or utr,
        utr=utr,
        settled_on=day_of(owed(row, "payoutdate", "settleddate")),
        kind=kind,
        entity_id=entity,
        payment_id=entity if kind == "payment" else "",
        order_id=named(row, "orderid"),
        reference=named(row, "mercunqrefval", "merchantuniqueref", "refid") if kind == "refund" else "",
        currency=(named(row, "currency") or "INR").upper(),
        gross_paise=-abs(gross) if out else gross,
        fee_paise=in_rupees(row.get("commission")),
        gst_paise=in_rupees(row.get("gst")),
        net_paise=in_rupees(_first(row, "settleamount", "settledamount")),
    )


def _first(row: Mapping[str, Any], *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def fetch(client: Any, day: date) -> list[ReportLine]:
    """Page by page; the checksum is over the values, as of a form."""
    found: list[ReportLine] = []
    for page in range(1, LONGEST):
        fields = {"MID": client.mid, "utrProcessedStartTime": str(day), "utrProcessedEndTime": str(day),
                  "pageNum": str(page), "pageSize": str(PAGE)}  # fmt: skip
        signed = fields | {"checksumHash": paytm_checksum.sign(client.merchant_key, paytm_checksum.joined(fields))}
        told = _asked(client, signed)
        if told.get("status") == "RECORD_NOT_FOUND":
            break
        if told.get("status") != "SUCCESS":
            raise GatewayRejected(client.name, str(told.get("errorMessage") or "no report"))
        lines = told.get("settlementDetailList") or []
        found += [line for line in map(of_row, lines) if line]
        if page >= int(told.get("paginatorTotalPage") or 0):
            break
    return found


def _asked(client: Any, fields: Mapping[str, str]) -> dict[str, Any]:
    from studyspot.gateways.paytm import read_error
    from studyspot.gateways.wire import answer_of, session_to

    session = session_to(client.name, client.base_url, read_error)
    path = f"{client.base_url}/merchant-settlement-service/settlement/list"
    answer = answer_of(client.name, session.request("POST", path, json=fields, timeout=10.0))
    return answer if isinstance(answer, dict) else {}
