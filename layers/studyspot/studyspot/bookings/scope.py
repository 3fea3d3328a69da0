"""Whose bookings somebody may touch, and how a refusal is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from studyspot.bookings.models import Booking
from studyspot.bookings.models.refusals import HoldExpired
from studyspot.kit import clock, timers
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound, Problem, StateConflict

TIMER = "booking_release"


def beyond_own(actor: Actor, permission: str) -> bool:
    """More than one's own? Platform users who may act here act as the owner does."""
    return actor.may(permission) or actor.is_platform


def scope(actor: Actor, permission: str) -> dict[str, Any]:
    """The same as conditions of a statement."""
    libraries = sorted(actor.library_ids) if actor.library_ids is not None else None
    return (
        {"owner": None, "libraries": libraries}
        if beyond_own(actor, permission)
        else {"owner": actor.id, "libraries": None}
    )


def visible(actor: Actor, booking: Booking, permission: str) -> Booking:
    """The booking, or NotFound for whom it does not exist."""
    if not beyond_own(actor, permission) and booking.student_id != actor.id:
        raise NotFound
    actor.at(booking.library_id)
    return booking


def refuse(problem: Problem | None) -> None:
    """What a rule found, if it found anything."""
    if problem:
        raise problem


def stuck(booking: Booking, event: str) -> NoReturn:
    """The booking is not in a state for that event."""
    if booking.status == "expired" and event in ("confirm", "pay"):
        raise HoldExpired
    raise StateConflict(f"a booking that is {booking.status} takes no {event.replace('_', ' ')}")


def watch_for_no_show(db: Db, booking: Booking) -> None:
    """A timer for the end of the grace; one for each start, as a booking may be moved."""
    due = max(booking.start_at, clock.now()) + timedelta(minutes=booking.policy.no_show_minutes)
    start = moment_key(booking.start_at)
    timers.wait(db, due, TIMER, booking.id, "no_show", period=start, start=start)


def facts_of(booking: Booking) -> dict[str, Any]:
    """What events and the audit trail say of a booking."""
    names = {"student_id", "library_id", "seat_id", "start_at", "end_at", "status", "amount_paise", "payment_id"}
    return booking.model_dump(mode="json", by_alias=True, include=names)


def moment_key(moment: datetime) -> str:
    """One spelling of a moment, whatever zone it was read in."""
    return moment.astimezone(UTC).isoformat()
