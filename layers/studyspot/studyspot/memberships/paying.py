"""Sums that members owe as payments see them: what one comes to, and what happens when it is captured."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from studyspot.kit import audit
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.ledger import models as accounts
from studyspot.ledger import service as ledger
from studyspot.memberships import changing, queries, renewing
from studyspot.memberships.models import Membership
from studyspot.memberships.models.changes import DueRow
from studyspot.memberships.queries import money
from studyspot.payments.models import AlreadyPaid, NothingToPay, Payable

DEPOSITS = "liability.deposits"


def payable(db: Db, due_id: UUID, actor: Actor) -> Payable:
    """A sum as a payment sees it."""
    due = money.due(db, due_id)
    _of_theirs(db, due.membership_id, actor)
    return _billed(db, _open(due))


def next_payable(db: Db, membership_id: UUID, actor: Actor) -> Payable:
    """What is owed first of a membership; over nothing, and named by the membership, when nothing is."""
    member = _of_theirs(db, membership_id, actor)
    first = next((due for due in money.dues(db, membership_id) if due.status == "open"), None)
    if first:
        return _billed(db, money.due(db, first.id))
    return _sum(db, member.student_id, membership_id, 0, "Membership")


def owed(db: Db, due_id: UUID, membership_id: UUID) -> Payable:
    """A sum of this membership that is still owed, whoever asks."""
    due = money.due(db, due_id)
    if due.membership_id != membership_id:
        raise NotFound
    return _billed(db, _open(due))


def billed(db: Db, due_id: UUID) -> Payable:
    """A sum as a payment sees it, paid or not."""
    return _billed(db, money.due(db, due_id))


def _of_theirs(db: Db, membership_id: UUID, actor: Actor) -> Membership:
    member = queries.membership(db, membership_id)
    actor.own("memberships:read", member.student_id)
    actor.at(member.library_id)
    return member


def _open(due: DueRow) -> DueRow:
    if due.status == "paid":
        raise AlreadyPaid
    if due.status == "void":
        raise NothingToPay
    return due


def _billed(db: Db, due: DueRow) -> Payable:
    return _sum(db, due.student_id, due.id, due.amount_paise, due.description)


def _sum(db: Db, student_id: UUID, due_id: UUID, amount_paise: int, description: str) -> Payable:
    payer = money.payer(db, student_id)
    return Payable(
        purpose="dues",
        purpose_id=due_id,
        amount_paise=amount_paise,
        description=description,
        student_id=student_id,
        customer_name=payer.name,
        customer_phone=payer.phone,
        customer_email=payer.email,
    )


def payable_for_joining(db: Db, membership_id: UUID, actor: Actor) -> Payable:
    """The same by the membership: what joining it costs."""
    actor.own("memberships:read", queries.membership(db, membership_id).student_id)
    due_id = money.enrolment_due(db, membership_id)
    if due_id is None:
        raise NothingToPay
    found = payable(db, due_id, actor)
    return found.model_copy(update={"purpose": "membership", "purpose_id": membership_id})


def nothing_to_hold(_: Db, __: UUID, ___: UUID, ____: datetime) -> None:
    """What is owed stays owed while somebody pays."""


def joining_paid(db: Db, membership_id: UUID, payment_id: UUID) -> bool:
    """Captured for joining."""
    due_id = money.enrolment_due(db, membership_id)
    return due_id is not None and _paid(db, due_id, payment_id, "membership")


def paid(db: Db, due_id: UUID, payment_id: UUID) -> bool:
    """Captured: paid, and what waited for it happens. False: it cannot be had any more, so the money goes back."""
    return _paid(db, due_id, payment_id, "dues")


def _paid(db: Db, due_id: UUID, payment_id: UUID, purpose: str) -> bool:
    membership_id = money.due(db, due_id).membership_id
    member = queries.locked(db, membership_id)
    due = money.due(db, due_id, "FOR UPDATE")
    if due.status != "open":
        return due.status == "paid" and due.payment_id == payment_id
    if not _deliver(db, member, due):
        return False
    money.paid(db, due_id, payment_id)
    if due.deposit_paise:
        _keep_deposit(db, member, due, payment_id, accounts.revenue(purpose))
    audit.note(db, "memberships.paid", "memberships", member.id, after={"due": due_id, "paise": due.amount_paise})
    return True


def take_back(db: Db, due_id: UUID, payment_id: UUID) -> bool:
    """The payment never was: it is owed again. False: what it brought was used or changed since."""
    member = queries.locked(db, money.due(db, due_id).membership_id)
    due = money.due(db, due_id, "FOR UPDATE")
    if due.status != "paid" or due.payment_id != payment_id or (due.kind == "change" and due.change):
        return False
    if due.delivered and not renewing.undo(db, member, due):
        return False
    if due.deposit_paise and not _return_deposit(db, member, due, payment_id):
        return False
    money.reopen(db, due_id)
    audit.note(db, "memberships.unpaid", "memberships", member.id, after={"due": due_id, "paise": due.amount_paise})
    return True


def take_joining_back(db: Db, membership_id: UUID, payment_id: UUID) -> bool:
    """The same by the membership."""
    due_id = money.enrolment_due(db, membership_id)
    return due_id is not None and take_back(db, due_id, payment_id)


def keep_credit(db: Db, due_id: UUID, paise: int, refund_id: UUID) -> None:
    """Refunded, and kept for the member's next dues."""
    member = queries.locked(db, money.due(db, due_id).membership_id)
    money.enter(db, member, "credit", paise, "refunded", refund_id)


def keep_joining_credit(db: Db, membership_id: UUID, paise: int, refund_id: UUID) -> None:
    """The same by the membership."""
    money.enter(db, queries.locked(db, membership_id), "credit", paise, "refunded", refund_id)


def _deliver(db: Db, member: Membership, due: DueRow) -> bool:
    if due.kind == "change" and due.change:
        return changing.apply_paid(db, member, due.change)
    return renewing.deliver(db, member, due)


def _keep_deposit(db: Db, member: Membership, due: DueRow, payment_id: UUID, booked_as: str) -> None:
    """A deposit is owed back, never earned."""
    money.enter(db, member, "deposit", due.deposit_paise, "paid", payment_id)
    lines = [(booked_as, due.deposit_paise), (DEPOSITS, -due.deposit_paise)]
    ledger.post(db, "deposit_taken", payment_id, lines, "Deposit of a member")


def _return_deposit(db: Db, member: Membership, due: DueRow, payment_id: UUID) -> bool:
    """It was never kept; False where it was given back, or kept for something, meanwhile."""
    if money.balance(db, member.student_id, "deposit", member.id) < due.deposit_paise:
        return False
    money.enter(db, member, "deposit", -due.deposit_paise, "voided", payment_id)
    ledger.undo(db, "deposit_taken", payment_id, "Deposit of a member")
    return True
