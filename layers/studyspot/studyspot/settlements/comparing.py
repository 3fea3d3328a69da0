"""Three sides of one day: our payments and refunds, the gateway's report, and the ledger."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.payments import payouts
from studyspot.payments.payouts import GivenBack, Taken
from studyspot.settlements.calendar import due_on
from studyspot.settlements.models import Finding, Item, ItemKind, StoredLine
from studyspot.settlements.queries import lines as rows
from studyspot.settlements.queries import posted

LOOKED_BACK = timedelta(days=45)
"""Money that was to be paid out longer ago was missed by a run of its own."""
OF_STANDING: dict[str, ItemKind] = {
    "unknown": "missing_here",
    "duplicate": "duplicate",
    "elsewhere": "wrong_settlement",
    "currency": "currency_mismatch",
}


def compare(db: Db, gateway: str, account_id: UUID | None, day: date) -> tuple[int, list[Finding]]:
    """How many lines agree in everything, and every difference."""
    lines = rows.of_day(db, gateway, account_id, day)
    found = [finding for line in lines if (finding := _of_line(line))]
    matched = len(lines) - len(found)
    return matched, [*found, *_missing(db, gateway, account_id, day), *_of_books(db, gateway, day)]


def _of_line(line: StoredLine) -> Finding | None:
    """The first thing that is wrong with it: the others follow from that."""
    if line.standing != "counted":
        return _found(line, OF_STANDING[line.standing], line.expected_gross_paise, line.gross_paise)
    compared: list[tuple[ItemKind, int | None, int]] = [
        ("amount_mismatch", line.expected_gross_paise, line.gross_paise),
        ("fee_mismatch", line.expected_fee_paise, line.fee_paise),
        ("tax_mismatch", line.expected_gst_paise, line.gst_paise),
        ("net_mismatch", line.gross_paise - line.fee_paise - line.gst_paise, line.net_paise),
    ]
    for kind, expected, told in compared:
        if expected != told:
            return _found(line, kind, expected, told)
    if line.due_on and line.settled_on > line.due_on:
        return _found(line, "late", line.net_paise, line.net_paise)
    return None


def _found(line: StoredLine, kind: ItemKind, expected: int | None, told: int) -> Finding:
    detail = {"settledOn": str(line.settled_on), "netPaise": line.net_paise, "orderId": line.gateway_order_id}
    if line.due_on:
        detail["dueOn"] = str(line.due_on)
    return Finding(
        kind=kind,
        subject=line.kind,
        reference=line.entity_id,
        line_id=line.id,
        payment_id=line.payment_id,
        currency=line.currency,
        expected_paise=expected,
        found_paise=told,
        detail=detail,
    )


def _missing(db: Db, gateway: str, account_id: UUID | None, day: date) -> list[Finding]:
    """What was to be paid out by the end of the day, and was not."""
    start, end = _moment(day - LOOKED_BACK), _moment(day + timedelta(days=1))
    taken = [
        one
        for one in payouts.taken_between(db, gateway, start, end)
        if one.account_id == account_id and due_on(gateway, one.captured_at) <= day
    ]
    back = [
        one
        for one in payouts.given_back_between(db, gateway, start, end)
        if one.account_id == account_id and one.succeeded_at and due_on(gateway, one.succeeded_at) <= day
    ]
    there = rows.settled(db, [one.id for one in taken], [one.id for one in back], day)
    return [
        *(_of_capture(gateway, one) for one in taken if one.id not in there),
        *(_of_refund(gateway, one) for one in back if one.id not in there),
    ]


def _of_capture(gateway: str, one: Taken) -> Finding:
    detail = {"dueOn": str(due_on(gateway, one.captured_at)), "orderId": one.gateway_order_id}
    return Finding(
        kind="missing_there", subject="payment", reference=one.gateway_payment_id, payment_id=one.payment_id,
        expected_paise=one.amount_paise, detail=detail,
    )  # fmt: skip


def _of_refund(gateway: str, one: GivenBack) -> Finding:
    detail = {"dueOn": str(due_on(gateway, one.succeeded_at or clock.now())), "orderId": one.gateway_order_id}
    return Finding(
        kind="missing_there", subject="refund", reference=one.gateway_refund_id or one.reference,
        payment_id=one.payment_id, expected_paise=-one.amount_paise, detail=detail,
    )  # fmt: skip


def _of_books(db: Db, gateway: str, day: date) -> list[Finding]:
    """The books are the organisation's, whichever account it was: every run looks at them, and tells a thing once."""
    found = posted.wrong(db, gateway, day, _moment(day), _moment(day + timedelta(days=1)))
    return [Finding.model_validate({**one.model_dump(), "kind": "ledger_mismatch"}) for one in found]


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), INDIA)


def came(db: Db, gateway: str, waiting: list[Item], until: date) -> list[Item]:
    """What was missing in a report and stands in a later one."""
    missing = [one for one in waiting if one.kind == "missing_there"]
    taken = payouts.taken(db, gateway, [one.reference for one in missing if one.subject == "payment"])
    names = [one.reference for one in missing if one.subject == "refund"]
    back = payouts.given_back(db, gateway, names, names)
    there = rows.settled(db, [one.id for one in taken.values()], [one.id for one in back.values()], until)
    known = {one.reference: (taken if one.subject == "payment" else back).get(one.reference) for one in missing}
    return [one for one in missing if (mine := known[one.reference]) is not None and mine.id in there]
