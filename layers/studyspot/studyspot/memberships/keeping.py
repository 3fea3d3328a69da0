"""What a member pays for a thing that is kept for them - rent and deposit - and how the deposit is settled."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from typing import Literal
from uuid import UUID

from studyspot.kit.db import Db
from studyspot.kit.errors import RuleViolated
from studyspot.ledger import models as books
from studyspot.ledger import service as ledger
from studyspot.memberships import dues, pricing, queries
from studyspot.memberships.granting import CASH
from studyspot.memberships.models import Membership, MembershipRequired
from studyspot.memberships.paying import DEPOSITS
from studyspot.memberships.queries import accounts, money, offers
from studyspot.payments import service as payments

ReturnAs = Literal["credit", "cash"]
LIVE = ("scheduled", "active", "grace", "frozen")
DAMAGES = books.revenue("damages")


class DeductionTooLarge(RuleViolated):
    """More is taken off than is held as a deposit."""

    code = "deduction_too_large"


def today(db: Db) -> date:
    """Where the organisation is."""
    return queries.today(db)


def months_after(start: date, months: int) -> date:
    """The same day so many months later, or the last of a shorter month."""
    year, month = divmod(start.month - 1 + months, 12)
    year += start.year
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def member_of(db: Db, student: UUID, library: UUID) -> Membership:
    """The student's membership of that library, locked; MembershipRequired where none runs."""
    for one in accounts.memberships_of(db, student, None, 200):
        if one.library_id == library and one.status in LIVE:
            return queries.locked(db, one.id)
    raise MembershipRequired("only a member of this library can have one")


def charge_rent(db: Db, member: Membership, title: str, paise: int, due_on: date) -> UUID | None:
    """Taxed as the member's plan is; credit that is kept pays first. None: nothing is left to pay."""
    if not paise:
        return None
    terms = offers.terms(db, member.fee_plan_id, member.fee_plan_version)
    due = dues.charge(db, member, "locker", [pricing.line(title, paise, terms)], due_on)
    return due.id if due else None


def charge_deposit(db: Db, member: Membership, title: str, paise: int, due_on: date) -> UUID | None:
    """Owed back, never sold: no tax, and no credit is used up for it."""
    if not paise:
        return None
    due = dues.charge(db, member, "locker", [pricing.untaxed(title, paise)], due_on, deposit_paise=paise)
    return due.id if due else None


def held(db: Db, member: Membership, due_id: UUID | None) -> int:
    """What of that deposit was paid and is still kept. One that was never paid is no longer owed; nobody may be paying
    it just then. One that was put into instalments is a part of the membership's own deposit from then on."""
    if due_id is None:
        return 0
    payments.refuse_open(db, "dues", due_id)
    due = money.due(db, due_id, "FOR UPDATE")
    if due.status == "open":
        dues.void(db, member, [due])
    if due.status != "paid":
        return 0
    return min(due.deposit_paise, money.balance(db, member.student_id, "deposit", member.id))


def settle(db: Db, member: Membership, cause: UUID, kept: int, deducted: int, return_as: ReturnAs) -> int:
    """Takes off what is owed for damage and gives the rest back; answers how much that is."""
    if deducted > kept:
        raise DeductionTooLarge(depositPaise=kept)
    rest = kept - deducted
    if deducted:
        money.enter(db, member, "deposit", -deducted, "spent", cause)
        ledger.post(db, "deposit_deducted", cause, [(DEPOSITS, deducted), (DAMAGES, -deducted)], "Taken off a deposit")
    if rest and return_as == "cash":
        money.enter(db, member, "deposit", -rest, "refunded", cause)
        ledger.post(db, "deposit_refunded", cause, [(DEPOSITS, rest), (CASH, -rest)], "Deposit of a member")
    elif rest:
        money.enter(db, member, "deposit", -rest, "returned", cause)
        money.enter(db, member, "credit", rest, "returned", cause)
        ledger.post(db, "deposit_to_credit", cause, [(DEPOSITS, rest), (dues.CREDIT, -rest)], "Deposit of a member")
    return rest
