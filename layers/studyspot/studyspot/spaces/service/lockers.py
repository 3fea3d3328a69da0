"""Lockers: made, given to a member for rent and deposit, and settled when they come back."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from studyspot.kit import audit, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.libraries import service as libraries
from studyspot.memberships import keeping
from studyspot.memberships import service as memberships
from studyspot.spaces.models.lockers import (
    Assignment,
    AssignRequest,
    Locker,
    LockerExists,
    LockerFree,
    LockersRequest,
    LockerTaken,
    Release,
    ReleaseRequest,
)
from studyspot.spaces.queries import lockers as queries
from studyspot.students import service as students

PAY_OUT = "memberships:settle"


def listed(db: Db, actor: Actor, library: UUID, paging: Paging, **filters: Any) -> Page[Locker]:
    """With whoever has each."""
    libraries.seen_by(db, actor, library)
    return paging.page(queries.listed(db, library, paging, **filters))


def create(db: Db, library: UUID, asked: LockersRequest) -> list[Locker]:
    """All that are asked for or none."""
    with db.transaction():
        libraries.open_library(db, library)
        made = queries.create(db, library, asked)
        if len(made) < len(asked.codes()):
            raise LockerExists(codes=sorted(set(asked.codes()) - {one.code for one in made}))
        audit.note(db, "lockers.create", "libraries", library, after=asked.model_dump(exclude_unset=True))
    return made


def assign(db: Db, actor: Actor, library: UUID, locker: UUID, asked: AssignRequest) -> Assignment:
    """The member's at once; rent and deposit are owed like everything else a member owes."""
    actor.at(library)
    with db.transaction():
        libraries.open_library(db, library)
        costs = queries.terms(db, library, locker)
        chosen = asked.model_dump(include={"deposit_paise", "rent_paise"}, exclude_none=True)
        costs = costs.model_copy(update=chosen)
        students.active(db, asked.student_id)
        member = keeping.member_of(db, asked.student_id, library)
        today = keeping.today(db)
        days = today, keeping.months_after(today, asked.months)
        taken = queries.take(db, library, locker, member.id, asked, costs, days)
        if taken is None:
            raise LockerTaken
        title = f"Locker {costs.code}, {asked.months} month{'s' if asked.months > 1 else ''}"
        rent = keeping.charge_rent(db, member, title, asked.months * costs.rent_paise, today)
        deposit = keeping.charge_deposit(db, member, f"Deposit for locker {costs.code}", costs.deposit_paise, today)
        made = queries.bill(db, taken.id, rent, deposit)
        audit.note(db, "lockers.assign", "lockers", locker, after=made.model_dump(mode="json"))
        outbox.emit(db, "locker.assigned", locker, {"libraryId": library, "studentId": asked.student_id})
    return made


def release(db: Db, actor: Actor, library: UUID, locker: UUID, asked: ReleaseRequest) -> Release:
    """Free at once: the deposit is settled, and months that were begun beyond the paid ones are owed."""
    actor.at(library)
    if asked.return_as == "cash":
        actor.must(PAY_OUT)
    with db.transaction():
        costs = queries.terms(db, library, locker)
        found = queries.held(db, library, locker)
        if found is None:
            raise LockerFree
        member = memberships.locked(db, found.membership_id)
        kept = keeping.held(db, member, found.deposit_due_id)
        today = keeping.today(db)
        late = overdue_months(found.until_date, today)
        keeping.charge_rent(db, member, f"Locker {costs.code}, overdue", late * found.rent_paise, today)
        returned = keeping.settle(db, member, found.id, kept, asked.deduct_paise, asked.return_as)
        settled = queries.release(
            db, found.id, deducted=asked.deduct_paise, returned=returned, return_as=asked.return_as,
            reason=asked.reason,
        )  # fmt: skip
        audit.note(db, "lockers.release", "lockers", locker, after=settled.model_dump(mode="json"))
        outbox.emit(db, "locker.released", locker, {"libraryId": library, "studentId": found.student_id})
    if asked.preview:
        db.rollback()
    return Release(
        assignment=found if asked.preview else settled,
        held_paise=kept,
        deducted_paise=asked.deduct_paise,
        returned_paise=returned,
        overdue_months=late,
        overdue_paise=late * found.rent_paise,
        preview=asked.preview,
    )


def overdue_months(until: date, today: date) -> int:
    """How many months were begun from the first day that was not paid for."""
    months = 0
    while keeping.months_after(until, months) <= today:
        months += 1
    return months
