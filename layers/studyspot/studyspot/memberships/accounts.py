"""A student's account: what was charged and paid, what is open, and what is let off with a reason."""

from __future__ import annotations

import json
from uuid import UUID

from studyspot.kit import audit
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound, StateConflict
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.ledger import models as books
from studyspot.ledger import service as ledger
from studyspot.memberships import queries, renewing
from studyspot.memberships.models import Membership, QuoteLine
from studyspot.memberships.models.accounts import (
    AccountHoldsMoney,
    Adjustment,
    AdjustmentRequest,
    AdjustmentTooLarge,
    Defaulter,
    Habits,
    HasDues,
    LedgerEntry,
    OpenDue,
)
from studyspot.memberships.models.changes import DueRow
from studyspot.memberships.queries import accounts, money
from studyspot.payments import service as payments

SOLD = books.revenue("dues")
LET_OFF = {"waiver": "expense.waivers", "discount": "expense.discounts", "write_off": "expense.bad_debts"}
"""Sold in full and given up again: so the books show how much was let off, and why."""


def entries(db: Db, paging: Paging, student_id: UUID) -> Page[LedgerEntry]:
    """Newest first."""
    return paging.page(accounts.ledger(db, student_id, paging), key="position")


def open_dues(db: Db, paging: Paging, student_id: UUID) -> Page[OpenDue]:
    """Oldest first, with how long each is late."""
    return paging.page(accounts.open_dues(db, student_id, paging), key="place")


def owed_longest(db: Db, student_id: UUID) -> list[OpenDue]:
    """What has been due for the longest, if anything is."""
    return accounts.open_dues(db, student_id, Paging(1))


def defaulters(db: Db, paging: Paging, library_id: UUID | None, days: int) -> Page[Defaulter]:
    """Who owes for more than so many days, the longest first."""
    return paging.page(accounts.defaulters(db, paging, library_id, days), key="place")


def memberships_of(db: Db, student_id: UUID, after: str | None, fetch: int) -> list[Membership]:
    """One student's, newest first."""
    return accounts.memberships_of(db, student_id, after, fetch)


def habits(db: Db, student_id: UUID) -> Habits:
    """How somebody pays."""
    return accounts.habits(db, student_id)


def refuse_debtor(db: Db, student_id: UUID) -> None:
    """HasDues while something is open; in the transaction that archives the student."""
    owed = accounts.owed(db, student_id)
    if owed:
        raise HasDues(duesPaise=owed)


def refuse_holder(db: Db, student_id: UUID) -> None:
    """AccountHoldsMoney: money kept for somebody is not moved to another by a merge."""
    if accounts.holds_money(db, student_id):
        raise AccountHoldsMoney


def adjust(db: Db, actor: Actor, student_id: UUID, asked: AdjustmentRequest) -> Adjustment:
    """Once nothing is left to pay, what waited for the money happens; nobody may be paying just then."""
    with db.transaction():
        found = money.due(db, asked.due_id)
        if found.student_id != student_id:
            raise NotFound
        payments.refuse_open(db, "dues", found.id)
        payments.refuse_open(db, "membership", found.membership_id)
        member = queries.locked(db, found.membership_id)
        due = money.due(db, found.id, "FOR UPDATE")
        paise = _let_off(due, asked)
        whole = paise == due.amount_paise
        if whole and not renewing.deliver(db, member, due):
            raise StateConflict("what this was for cannot be had any more")
        made = accounts.add(db, student_id, asked, paise, actor.id)
        if whole:
            money.void(db, [due.id])
        else:
            accounts.lessen(db, due.id, paise, _line(asked.kind, paise))
        ledger.post(db, "adjustment", made.id, [(LET_OFF[asked.kind], paise), (SOLD, -paise)], f"Let off: {asked.kind}")
        audit.note(db, "students.adjust", "students", student_id, after=made.model_dump(mode="json"))
    return made


def _let_off(due: DueRow, asked: AdjustmentRequest) -> int:
    """All that is open, or the part that is named; a deposit is kept for the student, so only the rest can be less."""
    if due.status != "open":
        raise StateConflict(f"this sum is {due.status}")
    paise = due.amount_paise if asked.amount_paise is None else asked.amount_paise
    if paise > due.amount_paise or due.amount_paise - paise < due.deposit_paise:
        raise AdjustmentTooLarge(openPaise=due.amount_paise, depositPaise=due.deposit_paise)
    return paise


def _line(kind: str, paise: int) -> str:
    title = {"waiver": "Waived", "discount": "Discount", "write_off": "Written off"}[kind]
    return json.dumps([QuoteLine(description=title, amount_paise=-paise, gst_paise=0, total_paise=-paise).model_dump()])
