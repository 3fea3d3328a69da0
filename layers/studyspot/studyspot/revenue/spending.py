"""What the organisation spends: recorded with its bill, booked with its tax, corrected by reversing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.files import service as files
from studyspot.kit import audit, clock, ids
from studyspot.kit.auth import Actor
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, VersionConflict
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.response import etag_of
from studyspot.ledger import models as accounts
from studyspot.ledger import service as ledger
from studyspot.libraries import service as libraries
from studyspot.revenue.models import Expense, ExpenseChange, ExpenseRequest, ExpenseRow, ExpenseVoid
from studyspot.revenue.queries import desk

BILL = "bill"
"""What a bill's file has to be brought for."""
PAID_BY = {"cash": "asset.cash", "bank": "asset.bank", "upi": "asset.bank", "card": "asset.bank"}
BOOKED = frozenset({"library_id", "category", "amount_paise", "gst_paise", "paid_from", "spent_on"})
"""What the ledger knows of an expense."""
SHOWN = set(Expense.model_fields)


def record(db: Db, actor: Actor, asked: ExpenseRequest) -> Expense:
    """Spent and booked in one transaction; DayLocked on a day of the library that is closed."""
    facts = asked.model_dump()
    _fitting(db, actor, facts)
    with db.transaction():
        made = desk.add(db, **facts, posting_id=ids.uuid7())
        _book(db, made)
        audit.note(db, "expenses.record", "expenses", made.id, after=_told(made))
    return _shown(made)


def change(db: Db, actor: Actor, expense_id: UUID, asked: ExpenseChange, if_match: str | None) -> Expense:
    """What was booked is reversed, and booked as it is now."""
    changes = asked.changes()
    _fitting(db, actor, changes)
    with db.transaction():
        before = desk.expense(db, expense_id, "FOR UPDATE")
        if actor.library_ids is not None:
            actor.at(before.library_id)
        if before.status == "void":
            raise ExpenseVoid
        if if_match and if_match != etag_of(_shown(before)):
            raise VersionConflict
        if not changes:
            return _shown(before)
        rebook = BOOKED.intersection(changes)
        after = desk.change(db, expense_id, **changes, posting_id=ids.uuid7() if rebook else before.posting_id)
        if after.gst_paise > after.amount_paise:
            raise Invalid.field("gstPaise", "is a part of amountPaise")
        if rebook:
            ledger.reverse(db, "expense", before.posting_id, before.library_id, before.spent_on, "Expense corrected")
            _book(db, after)
        audit.note(db, "expenses.change", "expenses", expense_id, _told(before), _told(after))
    return _shown(after)


def void(db: Db, expense_id: UUID) -> None:
    """Reversed on its own day, also where that day is closed: what was counted then is not touched."""
    with db.transaction():
        found = desk.expense(db, expense_id, "FOR UPDATE")
        if found.status == "void":
            raise ExpenseVoid
        desk.void(db, expense_id)
        ledger.reverse(db, "expense", found.posting_id, found.library_id, found.spent_on, "Expense voided")
        audit.note(db, "expenses.void", "expenses", expense_id, before=_told(found))


def read(db: Db, actor: Actor, expense_id: UUID) -> Expense:
    found = desk.expense(db, expense_id)
    actor.at(found.library_id)
    return _shown(found)


def listed(db: Db, paging: Paging, **wanted: Any) -> Page[Expense]:
    """Newest first."""
    return paging.page(desk.expenses(db, paging, **wanted))


def _fitting(db: Db, actor: Actor, facts: dict[str, Any]) -> None:
    """A library of one's own, a day that has come, a bill that is there."""
    if "library_id" in facts:
        actor.at(facts["library_id"])
        if facts["library_id"]:
            libraries.open_library(db, facts["library_id"])
    if facts.get("spent_on") and facts["spent_on"] > clock.now().astimezone(INDIA).date():
        raise Invalid.field("spentOn", "lies ahead")
    if facts.get("bill_file_id") and not files.is_ready(db, facts["bill_file_id"], BILL):
        raise Invalid.field("billFileId", "no bill that was uploaded and checked")


def _book(db: Db, made: ExpenseRow) -> None:
    lines = [
        (f"expense.{made.category}", made.amount_paise - made.gst_paise),
        (accounts.GST_INPUT, made.gst_paise),
        (PAID_BY[made.paid_from], -made.amount_paise),
    ]
    ledger.post(db, "expense", made.posting_id, lines, f"Expense: {made.category}", made.library_id, made.spent_on)


def _told(row: ExpenseRow) -> dict[str, Any]:
    return row.model_dump(mode="json", include={"category", "amount_paise", "gst_paise", "paid_from", "spent_on"})


def _shown(row: ExpenseRow) -> Expense:
    return Expense.model_validate(row.model_dump(include=SHOWN))
