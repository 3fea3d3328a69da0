"""What each gateway pays out and tells of it: its own books by working days, and what it was told to get wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from local.simulators.protocol import Refused, vendor_id
from local.simulators.store import Store

INDIA = timezone(timedelta(hours=5, minutes=30))
SETTLES_AFTER = {"razorpay": 2, "cashfree": 1, "paytm": 1, "stripe": 3}
SATURDAY = 5
MISTAKES = frozenset({"drop", "extra", "amount", "fee", "tax", "net", "currency", "duplicate", "late", "again"})
"""`late` moves a line to the next payout, `again` repeats it there; `extra` is of a payment that nobody made."""
Line = dict[str, Any]


def half_up(numerator: int, denominator: int) -> int:
    """Whole paise of a positive fraction."""
    return (2 * numerator + denominator) // (2 * denominator)


def working_day(day: date, after: int) -> date:
    """So many working days later."""
    while after:
        day += timedelta(days=1)
        after -= day.weekday() < SATURDAY
    return day


class Payouts:
    """Nothing is kept but the mistakes: what a day pays out follows from what was taken and given back before."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def plant(self, gateway: str, what: str, entity: str = "", paise: int = 0, day: date | None = None) -> None:
        """From now on the report gets this wrong: of one payment or refund, or (`extra`) on a day."""
        if what not in MISTAKES or gateway not in SETTLES_AFTER:
            raise Refused(422, f"one of {', '.join(sorted(MISTAKES))}", "validation_failed", "what")
        mistake = {"gateway": gateway, "what": what, "entity": entity, "paise": paise, "day": str(day) if day else None}
        self._store.put("payout.mistake", vendor_id("mistake_"), mistake, gateway)

    def taken_for(self, order: str) -> tuple[str, Line]:
        """Which gateway took what for an order."""
        for gateway in SETTLES_AFTER:
            for line in self._true(gateway):
                if line["order"] == order and line["kind"] == "payment":
                    return gateway, line
        raise Refused(404, "nothing was taken for this order", "not_found")

    def lines(self, gateway: str, day: date) -> list[Line]:
        """Of the payout of that day."""
        return [line for line in self._told(gateway) if line["settled_on"] == day]

    def days(self, gateway: str) -> list[date]:
        """On which something is paid out."""
        return sorted({line["settled_on"] for line in self._told(gateway)})

    def _told(self, gateway: str) -> Iterator[Line]:
        mistakes = self._store.of("payout.mistake", gateway)
        of: dict[str, list[Line]] = {}
        for mistake in mistakes:
            of.setdefault(mistake["entity"], []).append(mistake)
        for line in self._true(gateway):
            yield from _mistaken(gateway, line, of.get(line["entity"], []))
        for number, mistake in enumerate(m for m in mistakes if m["what"] == "extra"):
            name = hashlib.sha256(f"{gateway} {number}".encode()).hexdigest()[:14]
            line = _line("payment", f"pay_{name}", f"order_{name}", 50_000, 1_000, 180)
            yield _paid_out(gateway, line, date.fromisoformat(mistake["day"]))

    def _true(self, gateway: str) -> Iterator[Line]:
        made = {"razorpay": self._razorpay, "cashfree": self._cashfree, "paytm": self._paytm, "stripe": self._stripe}
        for line in made[gateway]():
            due = working_day(line.pop("at").astimezone(INDIA).date(), SETTLES_AFTER[gateway])
            yield _paid_out(gateway, line, due)
        for dispute in self._store.of("payout.dispute", gateway):
            taken = _line("dispute", dispute["id"], dispute["order"], -dispute["paise"], dispute["fee"], 0)
            day = working_day(date.fromisoformat(dispute["day"]), 1)
            yield _paid_out(gateway, taken | {"payment": dispute["payment"]}, day)

    def _razorpay(self) -> Iterator[Line]:
        orders = {}
        for payment in self._store.of("razorpay.payment"):
            orders[payment["id"]] = payment["order_id"]
            if payment["status"] in ("captured", "refunded"):
                fee, tax = payment["fee"] - payment["tax"], payment["tax"]
                line = _line("payment", payment["id"], payment["order_id"], payment["amount"], fee, tax)
                yield line | {"at": _unix(payment["created_at"])}
        for refund in self._store.of("razorpay.refund"):
            line = _line("refund", refund["id"], orders[refund["payment_id"]], -refund["amount"])
            about = {"payment": refund["payment_id"], "reference": refund["receipt"] or ""}
            yield line | about | {"at": _unix(refund["created_at"])}

    def _cashfree(self) -> Iterator[Line]:
        for payment in self._store.of("cashfree.payment"):
            if payment["is_captured"]:
                fee = half_up(payment["paise"] * 15, 1000) + 300
                line = _line("payment", payment["cf_payment_id"], payment["order_id"], payment["paise"], fee)
                yield line | {"at": datetime.fromisoformat(payment["payment_completion_time"])}
        for refund in self._store.of("cashfree.refund"):
            if refund["refund_status"] == "SUCCESS":
                line = _line("refund", refund["cf_refund_id"], refund["order_id"], -refund["paise"])
                about = {"payment": refund["cf_payment_id"], "reference": refund["refund_id"]}
                yield line | about | {"at": datetime.fromisoformat(refund["processed_at"])}

    def _paytm(self) -> Iterator[Line]:
        for order in self._store.of("paytm.order"):
            if order["status"] == "TXN_SUCCESS":
                fee = half_up(order["paise"] * 25, 1000) + 300
                yield _line("payment", order["txnId"], order["orderId"], order["paise"], fee) | {
                    "at": _wall(order["txnDate"])
                }
        for refund in self._store.of("paytm.refund"):
            if refund["status"] == "TXN_SUCCESS":
                line = _line("refund", refund["refundId"], refund["orderId"], -refund["paise"])
                about = {"payment": refund["txnId"], "reference": refund["refId"]}
                yield line | about | {"at": _wall(refund["acceptRefundTimestamp"])}

    def _stripe(self) -> Iterator[Line]:
        for charge in self._store.of("stripe.charge"):
            fee, tax = (part["amount"] for part in charge["balance_transaction"]["fee_details"])
            line = _line("payment", charge["payment_intent"], charge["payment_intent"], charge["amount"], fee, tax)
            yield line | {"at": _unix(charge["created"]), "charge": charge["id"]}
        for refund in self._store.of("stripe.refund"):
            if refund["status"] == "succeeded":
                line = _line("refund", refund["id"], refund["payment_intent"], -refund["amount"])
                about = {"payment": refund["payment_intent"], "reference": refund["metadata"].get("reference", "")}
                yield line | about | {"at": _unix(refund["created"])}


def _line(kind: str, entity: str, order: str, gross: int, fee: int = 0, gst: int | None = None) -> Line:
    tax = half_up(fee * 18, 100) if gst is None else gst
    return {
        "kind": kind, "entity": entity, "payment": entity, "order": order, "reference": "", "currency": "INR",
        "gross": gross, "fee": fee, "gst": tax, "net": gross - fee - tax, "charge": "",
    }  # fmt: skip


def _paid_out(gateway: str, line: Line, day: date) -> Line:
    name = hashlib.sha256(f"{gateway} {day}".encode()).hexdigest()
    utr = f"{gateway[:4].upper()}{int(name[:10], 16):012}"
    return line | {"settled_on": day, "settlement": f"setl_{name[:14]}", "utr": utr}


def _mistaken(gateway: str, line: Line, mistakes: list[Line]) -> Iterator[Line]:
    told = [line]
    for mistake in mistakes:
        what, paise = mistake["what"], mistake["paise"]
        next_day = working_day(line["settled_on"], 1)
        if what == "drop":
            told = []
        elif what in ("duplicate", "again"):
            told = [*told, line if what == "duplicate" else _paid_out(gateway, line, next_day)]
        elif what == "late":
            told = [_paid_out(gateway, one, next_day) for one in told]
        elif what == "currency":
            told = [one | {"currency": "USD"} for one in told]
        else:
            told = [_off(one, what, paise) for one in told]
    yield from told


def _off(line: Line, what: str, paise: int) -> Line:
    """By so many paise; what follows from it is right again, but for a payout that does not add up."""
    if what == "net":
        return line | {"net": line["net"] + paise}
    name = {"amount": "gross", "fee": "fee", "tax": "gst"}[what]
    after = line | {name: line[name] + paise}
    return after | {"net": after["gross"] - after["fee"] - after["gst"]}


def _unix(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _wall(told: str) -> datetime:
    return datetime.fromisoformat(told).replace(tzinfo=INDIA)
