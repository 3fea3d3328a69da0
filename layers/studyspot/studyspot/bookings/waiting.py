"""The waiting list: joining, one offer at a time that holds the seat, answering it, and who is asked next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from studyspot.bookings import queries as bookings
from studyspot.bookings import rules
from studyspot.bookings.making import confirmed
from studyspot.bookings.models.refusals import BookingPaused, InPast
from studyspot.bookings.models.waiting import (
    Accepted,
    AlreadyWaiting,
    Next,
    NothingOffered,
    OfferExpired,
    Waiting,
    WaitRequest,
)
from studyspot.bookings.queries import waiting as queries
from studyspot.bookings.scope import TIMER as HOLD_TIMER
from studyspot.bookings.scope import beyond_own, moment_key
from studyspot.kit import audit, clock, ids, outbox, timers
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Forbidden, Invalid, NotFound, Problem
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.libraries import service as libraries
from studyspot.memberships import pricing, seating
from studyspot.memberships import service as memberships
from studyspot.memberships.models import Enrolment
from studyspot.messaging import service as messaging

TIMER = "waitlist"
LASTS, LASTS_LATE = timedelta(minutes=10), timedelta(minutes=2)
"""How long an offer stands; the short one in the last hour before the time begins."""
MOST = 100
"""So many are asked in one go; who frees the next seat asks the others."""


def join(db: Db, actor: Actor, asked: WaitRequest) -> Waiting:
    """A place in the line; if a seat is free just now, whoever is first is asked at once."""
    with db.transaction():
        student = _student(actor, asked)
        actor.at(asked.library_id)
        libraries.open_library(db, asked.library_id)
        start, end = _interval(db, asked)
        if start <= clock.now():
            raise InPast
        entry = queries.add(db, student, asked, start, end)
        if entry is None:
            raise AlreadyWaiting
        timers.wait(db, start, TIMER, entry, "over", entry=True)
        timers.wait(db, clock.now(), TIMER, asked.library_id, "cascade", period=str(entry))
        audit.note(db, "waitlist.join", "waitlist", entry, after={"libraryId": asked.library_id, "kind": asked.kind})
        return queries.read(db, entry)


def listed(db: Db, actor: Actor, paging: Paging, **filters: Any) -> Page[Waiting]:
    """Newest first; students see their own."""
    if not beyond_own(actor, "bookings:read"):
        filters["student"] = actor.id
    return paging.page(queries.listed(db, paging.fetch, paging.after, actor.library_ids, **filters))


def read(db: Db, actor: Actor, entry: UUID) -> Waiting:
    """One's own, or any with the permission."""
    found = queries.read(db, entry)
    if not beyond_own(actor, "bookings:read") and found.student_id != actor.id:
        raise NotFound
    actor.at(found.library_id)
    return found


def leave(db: Db, actor: Actor, entry: UUID) -> None:
    """Out of the line; an offer that stands is declined with it."""
    with db.transaction():
        found = read(db, actor, entry)
        _give_up(db, found, "left")
        audit.note(db, "waitlist.leave", "waitlist", entry)
    next_now(db, found.library_id)


def decline(db: Db, actor: Actor, entry: UUID) -> Waiting:
    """Not this one: the next in line is asked."""
    with db.transaction():
        found = _own(db, actor, entry)
        if found.status != "offered":
            raise _unanswerable(found)
        _give_up(db, found, "declined")
        audit.note(db, "waitlist.decline", "waitlist", entry)
    next_now(db, found.library_id)
    return queries.read(db, entry)


def accept(db: Db, actor: Actor, entry: UUID) -> Accepted:
    """In time, it is theirs: booked where it costs nothing, else held until it is paid; one's own seat is enrolled."""
    with db.transaction():
        found = _own(db, actor, entry)
        offered = bookings.read(db, found.booking_id) if found.booking_id else None
        until = clock.now() + timedelta(minutes=offered.policy.hold_minutes if offered else 0)
        match queries.accept(db, entry, until):
            case "expired":
                raise OfferExpired
            case "gone":
                raise _unanswerable(found)
            case "accepted":
                _accepted(db, actor, found, until)
        answer = Accepted(**queries.read(db, entry).model_dump())
        booking = bookings.read(db, found.booking_id) if found.booking_id else None
    return answer.model_copy(update={"booking": booking})


def wake(db: Db, subject: UUID, given: dict[str, Any]) -> None:
    """A timer is due: a seat was freed, an offer of a monthly seat lapsed, or the time that was waited for began."""
    if "entry" not in given:
        cascade(db, subject)
    elif queries.end(db, subject, "expired", due=clock.now()):
        outbox.emit(db, "waitlist.expired", subject, {"studentId": queries.read(db, subject).student_id})


def cascade(db: Db, library: UUID) -> int:
    """Every seat that is free goes to who is first for it, one offer each. In a transaction that holds nothing else."""
    queries.lead(db, library)
    return sum(_asked(db, one) for one in queries.line(db, library, MOST))


def expired(db: Db, booking_id: UUID) -> None:
    """The hold of an offer lapsed; in the transaction of its timer."""
    booking = bookings.read(db, booking_id)
    if booking.waitlist_id and queries.read(db, booking.waitlist_id).status == "expired":
        outbox.emit(db, "waitlist.expired", booking.waitlist_id, {"studentId": booking.student_id})


def _asked(db: Db, one: queries.Place) -> int:
    """1: they have an offer now."""
    found, now = queries.facts(db, one), clock.now()
    if found is None:
        return 0
    until = now + (LASTS_LATE if one.start_at - now <= timedelta(hours=1) else LASTS)
    if found.kind == "monthly":
        if not queries.offer_own(db, one.id, _hours(db, found), until, now):
            return 0
        timers.wait(db, until, TIMER, one.id, "expire", period=moment_key(until), entry=True)
    else:
        if refusal := next(_against(found, now), None):
            queries.refuse(db, one.id, refusal.code)
            return 0
        booking_id, amount = ids.uuid7(), rules.price(found, found.start_at, found.end_at)
        outcome = queries.offer(db, found, booking_id, amount, until, now)
        if outcome == "too_many_concurrent":
            queries.refuse(db, one.id, outcome)
        if outcome != "held":
            return 0
        timers.wait(db, until, HOLD_TIMER, booking_id, "release")
    _tell(db, one)
    return 1


def _tell(db: Db, one: queries.Place) -> None:
    """To the student's phone, and to whoever listens."""
    offer = queries.told(db, one.id)
    zone = ZoneInfo(offer.timezone)
    variables = {
        "name": offer.name,
        "seat": offer.seat,
        "library": offer.library,
        "start": f"{offer.start_at.astimezone(zone):%d %b %H:%M}",
        "until": f"{offer.offer_expires_at.astimezone(zone):%H:%M}",
    }
    messaging.send(db, "seat_offer", offer.phone, variables, one.student_id, "student", about=one.id)
    told = {"studentId": one.student_id, "libraryId": one.library_id, "offerExpiresAt": offer.offer_expires_at}
    outbox.emit(db, "waitlist.offered", one.id, told)


def _against(found: Next, now: datetime) -> Iterator[Problem]:
    """What a booking of theirs would be refused for; the notice they gave by waiting."""
    zone = ZoneInfo(found.timezone)
    told = (*rules.of_time(found.start_at, found.end_at, found.policy, now, zone), *rules.of_circumstances(found))
    yield from (rule for rule in told if not isinstance(rule, rules.AHEAD))
    if found.paused_until:
        yield BookingPaused()
    yield from rules.of_quotas(found, found.policy, found.start_at, found.end_at)


def _hours(db: Db, found: Next) -> list[queries.Span]:
    """The hours of a seat of one's own in its first period, days of grace included."""
    zone = ZoneInfo(found.timezone)
    shift = libraries.shift(db, found.library_id, found.shift_id) if found.shift_id else None
    first, last = found.start_at.astimezone(zone).date(), found.end_at.astimezone(zone).date()
    return seating.spans(shift, first, last, [], zone)


def _interval(db: Db, asked: WaitRequest) -> tuple[datetime, datetime]:
    """As asked; for a seat of one's own its first period with the days of grace."""
    if asked.start_at and asked.end_at:
        if asked.end_at <= asked.start_at:
            raise Invalid.field("endAt", "must be after startAt")
        return asked.start_at, asked.end_at
    assert asked.start_date, "the request's own check"
    sold = memberships.sold_here(db, asked.fee_plan_id, asked.library_id)
    if sold.kind == "hourly":
        raise Invalid.field("feePlanId", "nobody has a seat of one's own by the hour")
    if asked.shift_id:
        libraries.shift(db, asked.library_id, asked.shift_id)
    zone = ZoneInfo(queries.timezone(db))
    last = pricing.period_end(sold.kind, asked.start_date, sold.validity_days) + timedelta(days=sold.grace_days)
    return datetime.combine(asked.start_date, time.min, zone), datetime.combine(last, time.min, zone)


def _accepted(db: Db, actor: Actor, found: Waiting, until: datetime) -> None:
    outbox.emit(db, "waitlist.accepted", found.id, {"studentId": found.student_id, "libraryId": found.library_id})
    audit.note(db, "waitlist.accept", "waitlist", found.id)
    if found.booking_id:
        booking = bookings.read(db, found.booking_id)
        if booking.status == "confirmed":
            confirmed(db, booking)
        else:
            timers.wait(db, until, HOLD_TIMER, booking.id, "release", period=moment_key(until))
        return
    zone = ZoneInfo(queries.timezone(db))
    wanted = Enrolment(
        student_id=found.student_id,
        library_id=found.library_id,
        fee_plan_id=found.fee_plan_id,
        shift_id=found.shift_id,
        seat_id=found.seat_id,
        start_date=found.start_at.astimezone(zone).date(),
    )
    queries.joined(db, found.id, memberships.enrol(db, actor, wanted).id)


def _give_up(db: Db, found: Waiting, status: str) -> None:
    """The line's own row, or the booking that holds the seat, which takes the row along."""
    if queries.end(db, found.id, status):
        return
    if found.booking_id and bookings.move_on(db, "cancel", found.booking_id, reason="the offer was declined"):
        return
    raise _unanswerable(queries.read(db, found.id))


def next_now(db: Db, library: UUID) -> None:
    """In a transaction of its own; whatever keeps it from that, the timer that the freed seat left does it."""
    db.commit()
    with db.transaction():
        cascade(db, library)


def _own(db: Db, actor: Actor, entry: UUID) -> Waiting:
    """Students answer their own offers; nobody else's."""
    found = queries.read(db, entry)
    if found.student_id != actor.id:
        raise NotFound
    return found


def _unanswerable(found: Waiting) -> Problem:
    return OfferExpired() if found.status == "expired" else NothingOffered(f"this entry is {found.status}")


def _student(actor: Actor, asked: WaitRequest) -> UUID:
    if actor.user_type == "student":
        if asked.student_id not in (None, actor.id):
            raise Forbidden("students wait for themselves")
        return actor.id
    if asked.student_id is None:
        raise Invalid.field("studentId", "staff name the student who waits")
    return asked.student_id
