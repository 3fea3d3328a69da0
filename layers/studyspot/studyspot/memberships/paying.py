"""Sums that members owe as payments see them: what one comes to, and what happens when it is captured."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from studyspot.kit import audit
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
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
    member = queries.membership(db, due.membership_id)
    actor.own("memberships:read", member.student_id)
    actor.at(member.library_id)
    if due.status == "paid":
        raise AlreadyPaid
    if due.status == "void":
        raise NothingToPay
    payer = money.payer(db, member.student_id)
    return Payable(
        purpose="dues",
        purpose_id=due.id,
        amount_paise=due.amount_paise,
        description=due.description,
        student_id=member.student_id,
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
        _keep_deposit(db, member, due, accounts.revenue(purpose))
    audit.note(db, "memberships.paid", "memberships", member.id, after={"due": due_id, "paise": due.amount_paise})
    return True


def _deliver(db: Db, member: Membership, due: DueRow) -> bool:
    if due.kind == "change" and due.change:
        return changing.apply_paid(db, member, due.change)
    return renewing.deliver(db, member, due)


def _keep_deposit(db: Db, member: Membership, due: DueRow, booked_as: str) -> None:
    """A deposit is owed back, never earned."""
    money.enter(db, member, "deposit", due.deposit_paise, "paid", due.id)
    lines = [(booked_as, due.deposit_paise), (DEPOSITS, -due.deposit_paise)]
    ledger.post(db, "deposit_taken", due.id, lines, "Deposit of a member")
