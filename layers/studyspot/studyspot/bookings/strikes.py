"""Who does not come: the strike, the pause it may bring, the appeal, and staff who lift it; and the rules in force."""

from __future__ import annotations

from uuid import UUID

from studyspot.bookings.models import Booking
from studyspot.bookings.models.policies import Appeal, Effective, Pause, PlanRules, PlanRulesInForce
from studyspot.bookings.queries import policies as queries
from studyspot.bookings.scope import beyond_own, facts_of
from studyspot.kit import audit, clock, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound, StateConflict
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging


def missed(db: Db, booking: Booking) -> None:
    """Nobody came for a booking; in the transaction that says so."""
    outbox.emit(db, "booking.no_show", booking.id, facts_of(booking))
    if pause_id := queries.strike(db, booking.id):
        told = {"studentId": booking.student_id, "libraryId": booking.library_id}
        outbox.emit(db, "booking.paused", pause_id, told)


def effective(db: Db, actor: Actor, library: UUID, plan: UUID | None, student: UUID | None) -> Effective:
    """The rules that somebody would be judged by there; students ask for themselves."""
    actor.at(library)
    if not beyond_own(actor, "bookings:read"):
        if student not in (None, actor.id):
            raise NotFound
        student = actor.id if actor.user_type == "student" else None
    return queries.effective(db, library, plan, student)


def plan_rules(db: Db, plan: UUID) -> PlanRulesInForce:
    """What a plan allows less than its library."""
    return queries.plan_rules(db, plan)


def set_plan_rules(db: Db, plan: UUID, asked: PlanRules) -> PlanRulesInForce:
    """The fields that are sent are changed; what is booked already keeps its own rules."""
    with db.transaction():
        before = queries.plan_rules(db, plan)
        after = before.model_copy(update=asked.changes())
        if after.min_minutes and after.max_minutes and after.min_minutes > after.max_minutes:
            raise Invalid.field("minMinutes", "is above maxMinutes")
        queries.put_plan_rules(db, plan, after)
        audit.note(db, "bookings.plan_rules", "fee-plans", plan, before.model_dump(), after.model_dump())
        return queries.plan_rules(db, plan)


def pauses(
    db: Db, actor: Actor, paging: Paging, student: UUID | None, library: UUID | None, live: bool | None
) -> Page[Pause]:
    """Newest first; students see their own."""
    if not beyond_own(actor, "bookings:read"):
        student = actor.id
    found = queries.pauses(
        db, paging.fetch, paging.after, actor.library_ids, student=student, library=library, live=live
    )
    return paging.page(found)


def appeal(db: Db, actor: Actor, pause_id: UUID, asked: Appeal) -> Pause:
    """Why it should not be so, as the student says."""
    with db.transaction():
        found = queries.pause(db, pause_id)
        if found.student_id != actor.id and not beyond_own(actor, "bookings:override"):
            raise NotFound
        actor.at(found.library_id)
        _must_hold(found)
        queries.appeal(db, pause_id, asked.reason, clock.now())
        audit.note(db, "bookings.pause_appealed", "bookings", found.booking_id, after={"pauseId": pause_id})
        return queries.pause(db, pause_id)


def lift(db: Db, actor: Actor, pause_id: UUID, asked: Appeal) -> Pause:
    """Staff forgive it: bookings are taken again, and the strikes it stood for count no more."""
    with db.transaction():
        found = queries.pause(db, pause_id)
        actor.at(found.library_id)
        _must_hold(found)
        queries.lift(db, pause_id, actor.id, asked.reason, clock.now())
        told = {"pauseId": pause_id, "strikes": found.strikes, "reason": asked.reason}
        audit.note(db, "bookings.pause_lifted", "bookings", found.booking_id, after=told)
        return queries.pause(db, pause_id)


def _must_hold(found: Pause) -> None:
    if not found.holds(clock.now()):
        raise StateConflict("this pause is over")
