"""The reports of payouts as each vendor writes them: answers of its API, and the file of its dashboard."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from local.simulators import paytm_checksum
from local.simulators.keys import Keys
from local.simulators.payouts import INDIA, Line, Payouts
from local.simulators.protocol import Refused, Reply, Request

LARGEST_PAGE = 100


def rupees(paise: int) -> str:
    """With two decimals, signed."""
    sign, whole = "-" if paise < 0 else "", abs(paise)
    return f"{sign}{whole // 100}.{whole % 100:02}"


def _noon(day: date) -> int:
    return int(datetime.combine(day, time(12), INDIA).timestamp())


def razorpay_item(line: Line) -> dict[str, Any]:
    """Of the combined reconciliation; `fee` contains `tax`, and one of credit and debit is 0."""
    dispute = line["kind"] == "dispute"
    return {
        "entity_id": f"adj_{line['entity'][-14:]}" if dispute else line["entity"],
        "type": "adjustment" if dispute else line["kind"], "debit": max(-line["net"], 0),
        "credit": max(line["net"], 0), "amount": abs(line["gross"]), "currency": line["currency"],
        "fee": line["fee"] + line["gst"], "tax": line["gst"], "on_hold": False, "settled": True,
        "created_at": _noon(line["settled_on"]), "settled_at": _noon(line["settled_on"]),
        "settlement_id": line["settlement"], "posted_at": None, "credit_type": "default", "description": None,
        "notes": "{}",
        "payment_id": None if line["kind"] == "payment" else line["payment"], "settlement_utr": line["utr"],
        "order_id": line["order"], "order_receipt": None, "method": "upi", "card_network": None, "card_issuer": None,
        "card_type": None, "dispute_id": line["entity"] if dispute else None,
    }  # fmt: skip


def cashfree_event(line: Line) -> dict[str, Any]:
    """Of the settlement reconciliation, in rupees without a sign."""
    refund = line["kind"] == "refund"
    return {
        "event_id": line["entity"], "event_type": line["kind"].upper(), "entity": "recon", "event_status": "SUCCESS",
        "sale_type": "CREDIT" if line["net"] >= 0 else "DEBIT", "event_currency": line["currency"],
        "event_amount": rupees(abs(line["gross"])), "event_settlement_amount": rupees(abs(line["net"])),
        "payment_service_charge": rupees(line["fee"]), "payment_service_tax": rupees(line["gst"]),
        "cf_payment_id": line["payment"], "order_id": line["order"], "cf_settlement_id": line["settlement"],
        "settlement_utr": line["utr"], "settlement_date": f"{line['settled_on']}T11:00:00+05:30",
        "cf_refund_id": line["entity"] if refund else None, "refund_id": line["reference"] if refund else None,
    }  # fmt: skip


def paytm_line(line: Line) -> dict[str, Any]:
    """Of the settlement list; what goes out is settled with a sign."""
    kinds = {"payment": "SALE", "refund": "REFUND", "dispute": "CHARGEBACK"}
    return {
        "txnId": line["entity"], "txnType": kinds[line["kind"]], "txnAmount": rupees(abs(line["gross"])),
        "orderId": line["order"], "mercUnqRefVal": line["reference"], "utr": line["utr"],
        "payoutId": line["settlement"],
        "payoutDate": str(line["settled_on"]), "settleAmount": rupees(line["net"]), "commission": rupees(line["fee"]),
        "gst": rupees(line["gst"]), "currency": line["currency"],
    }  # fmt: skip


def stripe_transaction(line: Line) -> dict[str, Any]:
    """A balance transaction with its source."""
    kind = {"payment": "charge"}.get(line["kind"], line["kind"])
    source = {"id": line["charge"] or line["entity"], "object": kind, "payment_intent": line["payment"]}
    details = [{"type": "stripe_fee", "amount": line["fee"]}, {"type": "tax", "amount": line["gst"]}]
    return {
        "id": f"txn_{line['entity'][-24:]}", "object": "balance_transaction", "amount": line["gross"],
        "currency": line["currency"].lower(), "fee": line["fee"] + line["gst"],
        "fee_details": [part for part in details if part["amount"]], "net": line["net"], "reporting_category": kind,
        "source": source | ({"metadata": {"reference": line["reference"]}} if line["reference"] else {}),
    }  # fmt: skip


def stripe_row(line: Line) -> dict[str, Any]:
    """Of the itemised payout reconciliation."""
    told = stripe_transaction(line)
    return {
        "balance_transaction_id": told["id"], "currency": told["currency"], "gross": rupees(line["gross"]),
        "fee": rupees(told["fee"]), "net": rupees(line["net"]), "reporting_category": told["reporting_category"],
        "source_id": told["source"]["id"], "payment_intent_id": line["payment"],
        "automatic_payout_id": line["settlement"],
        "automatic_payout_effective_at": f"{line['settled_on']} 11:00:00", "trace_id": line["utr"],
    }  # fmt: skip


ROWS: dict[str, Callable[[Line], dict[str, Any]]] = {
    "razorpay": razorpay_item, "cashfree": cashfree_event, "paytm": paytm_line, "stripe": stripe_row,
}  # fmt: skip


class Reports:
    """What the vendors' simulators serve."""

    def __init__(self, payouts: Payouts, keys: Keys) -> None:
        self._payouts = payouts
        self._keys = keys

    def file(self, gateway: str, day: date) -> str:
        """The report of a day as it is downloaded."""
        rows = [ROWS[gateway](line) for line in self._payouts.lines(gateway, day)]
        sheet = io.StringIO()
        names = list(ROWS[gateway](_EMPTY))
        writer = csv.DictWriter(sheet, names, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
        return sheet.getvalue()

    def razorpay(self, request: Request) -> Reply:
        day = date(*(int(request.query.get(name, "0")) for name in ("year", "month", "day")))
        count, skip = (int(request.query.get(name, default)) for name, default in (("count", "10"), ("skip", "0")))
        lines = self._payouts.lines("razorpay", day)[skip : skip + min(count, LARGEST_PAGE)]
        return Reply(
            200, {"entity": "collection", "count": len(lines), "items": [razorpay_item(line) for line in lines]}
        )

    def cashfree(self, request: Request) -> Reply:
        body = request.json()
        filters, pagination = body.get("filters") or {}, body.get("pagination") or {}
        first, last = (datetime.fromisoformat(filters[name]).date() for name in ("start_date", "end_date"))
        lines = [line for at in _days(first, last) for line in self._payouts.lines("cashfree", at)]
        start = int(pagination.get("cursor") or 0)
        end = start + min(int(pagination.get("limit") or 10), LARGEST_PAGE)
        events = [_numbers(cashfree_event(line)) for line in lines[start:end]]
        return Reply(200, {"cursor": str(end) if end < len(lines) else None, "limit": len(events), "data": events})

    def paytm(self, request: Request) -> Reply:
        body = request.json()
        told = {name: value for name, value in body.items() if name != "checksumHash"}
        signed = "|".join(str(told[name]) for name in sorted(told))
        if not paytm_checksum.fits(self._keys.paytm_merchant_key, signed, str(body.get("checksumHash"))):
            return Reply(200, {"status": "FAILURE", "errorMessage": "Checksum mismatch"})
        lines = self._payouts.lines("paytm", date.fromisoformat(body["utrProcessedStartTime"]))
        if not lines:
            return Reply(200, {"status": "RECORD_NOT_FOUND"})
        size, page = min(int(body["pageSize"]), 20), int(body["pageNum"])
        shown = [paytm_line(line) for line in lines[(page - 1) * size : page * size]]
        pages = {"paginatorTotalPage": -(-len(lines) // size), "paginatorTotalCount": len(lines), "count": len(shown)}
        return Reply(200, {"status": "SUCCESS", "settlementDetailList": shown, **pages})

    def stripe_payouts(self, request: Request) -> Reply:
        first, last = (int(request.query[f"arrival_date[{bound}]"]) for bound in ("gte", "lt"))
        days = [day for day in self._payouts.days("stripe") if first <= _noon(day) < last]
        return Reply(200, {"object": "list", "has_more": False, "data": [self._payout(day) for day in days]})

    def _payout(self, day: date) -> dict[str, Any]:
        lines = self._payouts.lines("stripe", day)
        arrival = int(datetime.combine(day, time(12), UTC).timestamp())
        return {
            "id": lines[0]["settlement"], "object": "payout", "arrival_date": arrival, "currency": "inr",
            "status": "paid", "amount": sum(line["net"] for line in lines),
            "trace_id": {"status": "supported", "value": lines[0]["utr"]},
        }  # fmt: skip

    def stripe_transactions(self, request: Request) -> Reply:
        wanted, after = request.query.get("payout"), request.query.get("starting_after")
        found = [
            stripe_transaction(line)
            for day in self._payouts.days("stripe")
            for line in self._payouts.lines("stripe", day)
            if line["settlement"] == wanted
        ]
        if not found:
            raise Refused(404, f"No such payout: '{wanted}'", "resource_missing", "payout")
        found = [told | {"id": f"{told['id']}_{number}"} for number, told in enumerate(found)]
        start = next((n + 1 for n, told in enumerate(found) if told["id"] == after), 0)
        page = found[start : start + min(int(request.query.get("limit", "10")), LARGEST_PAGE)]
        return Reply(200, {"object": "list", "has_more": start + len(page) < len(found), "data": page})


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _numbers(event: dict[str, Any]) -> dict[str, Any]:
    """The API writes amounts as JSON numbers."""
    amounts = ("event_amount", "event_settlement_amount", "payment_service_charge", "payment_service_tax")
    return event | {name: float(event[name]) for name in amounts}


_EMPTY: Line = {
    "kind": "payment", "entity": "", "payment": "", "order": "", "reference": "", "currency": "INR", "gross": 0,
    "fee": 0, "gst": 0, "net": 0, "charge": "", "settled_on": date(2026, 1, 1), "settlement": "", "utr": "",
}  # fmt: skip
