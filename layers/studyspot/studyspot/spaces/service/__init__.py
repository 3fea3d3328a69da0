"""What a change of the premises would do to people, told before it is done."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.bookings import service as bookings
from studyspot.kit import clock
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.libraries import service as libraries
from studyspot.spaces import queries
from studyspot.spaces.models import Affected, Choice, Impact, ImpactNotAccepted
from studyspot.spaces.models.questions import ImpactQuestion
from studyspot.spaces.queries import seatmap as plans


def impact(db: Db, actor: Actor, library: UUID, asked: ImpactQuestion) -> Impact:
    """Everybody the change would touch; nothing is changed."""
    libraries.seen_by(db, actor, library)
    if asked.block:
        start = asked.block.start_at or clock.now()
        return Impact.of(queries.of_seat(db, library, asked.block.seat_id, start, asked.block.end_at))
    if asked.seat:
        return Impact.of(queries.of_seat(db, library, asked.seat.id, clock.now(), None))
    if asked.shift:
        return Impact.of(queries.members_of(db, library, asked.shift.id))
    if asked.hours:
        return Impact.of(queries.outside(db, library, hours=asked.hours.rows()))
    if asked.seat_map:
        return Impact.of(plans.left_out(db, library, [one.seat_id for one in asked.seat_map.seats]))
    assert asked.holiday, "exactly one change is named"
    day = asked.holiday.day
    return Impact.of([*queries.outside(db, library, closed=day), *queries.members_on(db, library, day)])


def of_seat(db: Db, library: UUID, seat: UUID, start: datetime, end: datetime | None) -> list[Affected]:
    """Who has that seat for part of that time."""
    return queries.of_seat(db, library, seat, start, end)


def refuse_shift_members(db: Db, library: UUID, shift: UUID) -> None:
    """ImpactNotAccepted while anybody is a member of that shift; in the transaction that changes or ends it."""
    if found := queries.members_of(db, library, shift):
        raise ImpactNotAccepted(
            "members of this shift have to be moved to another one first", affected=Impact.of(found).facts()
        )


def settle(db: Db, actor: Actor, outside: list[Affected], choice: Choice | None, why: str) -> None:
    """Bookings that a change leaves outside the hours are kept or given up, as was chosen; nobody silently."""
    if outside and choice is None:
        raise ImpactNotAccepted(affected=Impact.of(outside).facts())
    if choice == "cancel":
        for one in outside:
            bookings.cancel(db, actor, one.id, why)


def facts(impact: Impact) -> dict[str, Any]:
    """What the audit trail says of it."""
    return {"people": impact.people, "amountPaise": impact.amount_paise, "ids": [one.id for one in impact.affected]}
