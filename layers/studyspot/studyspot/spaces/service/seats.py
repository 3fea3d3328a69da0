"""A seat out of use for a time, and whose it is when."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from studyspot.bookings import moving
from studyspot.bookings import service as bookings
from studyspot.bookings.models import BookingChange
from studyspot.kit import audit, clock, ids, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid
from studyspot.libraries.models import SeatInUse
from studyspot.spaces import sticker as stickers
from studyspot.spaces.models import Affected, Impact
from studyspot.spaces.models.seats import (
    LONGEST_SCHEDULE_DAYS,
    Block,
    Blocked,
    BlockRequest,
    Resolution,
    Schedule,
    SeatHeld,
    SeatSticker,
)
from studyspot.spaces.queries import seats as queries
from studyspot.spaces.service import facts, of_seat

SKEW = timedelta(minutes=1)
"""A start this far back is still "now"."""


def block(db: Db, actor: Actor, library: UUID, seat: UUID, asked: BlockRequest) -> Blocked:
    """The seat's time, claimed as a booking claims it; whoever has it already is moved or given up first, by name."""
    actor.at(library)
    now = clock.now()
    wanted = _wanted(actor, seat, asked, now)
    with db.transaction():
        touched = _resolve(db, actor, library, wanted, asked.resolutions)
        if not queries.block(db, library, seat, wanted):
            db.rollback()
            held = of_seat(db, library, seat, wanted.start_at, wanted.end_at)
            raise SeatHeld(affected=Impact.of(held).facts())
        impact = Impact.of(touched)
        audit.note(db, "seats.block", "seats", seat, after={**wanted.model_dump(mode="json"), "impact": facts(impact)})
        told = {"libraryId": library, "startAt": wanted.start_at, "endAt": wanted.end_at}
        outbox.emit(db, "seat.blocked", seat, told)
    return Blocked(**wanted.model_dump(), impact=impact)


def unblock(db: Db, actor: Actor, library: UUID, seat: UUID, block_id: UUID) -> None:
    """From now on the seat is free again."""
    actor.at(library)
    with db.transaction():
        lifted = queries.lift(db, library, seat, block_id)
        audit.note(db, "seats.unblock", "seats", seat, before=lifted.model_dump(mode="json"))
        outbox.emit(db, "seat.unblocked", seat, {"libraryId": library})


def schedule(db: Db, actor: Actor, library: UUID, seat: UUID, start: datetime | None, end: datetime | None) -> Schedule:
    """A fortnight from now where nothing else is asked."""
    actor.at(library)
    start = start or clock.now()
    end = end or start + timedelta(days=14)
    if not start < end <= start + timedelta(days=LONGEST_SCHEDULE_DAYS):
        raise Invalid.field("to", f"after from, by at most {LONGEST_SCHEDULE_DAYS} days")
    return queries.schedule(db, library, seat, start, end)


def sticker(db: Db, actor: Actor, library: UUID, seat: UUID) -> SeatSticker:
    """What is stuck on it."""
    actor.at(library)
    return stickers.of_seat(queries.sticker(db, library, seat))


def refuse_held(db: Db, seat: UUID) -> None:
    """SeatInUse while somebody has it, now or later; asked by the transaction that retires it."""
    if queries.is_held(db, seat):
        raise SeatInUse


def _wanted(actor: Actor, seat: UUID, asked: BlockRequest, now: datetime) -> Block:
    start = asked.start_at or now
    if start < now - SKEW or (asked.end_at is not None and asked.end_at <= max(start, now)):
        raise Invalid.field("endAt", "a block lies ahead, and ends after it starts")
    return Block(
        id=ids.uuid7(),
        seat_id=seat,
        start_at=start,
        end_at=asked.end_at,
        reason=asked.reason,
        created_by=actor.id,
        created_at=now,
    )


def _resolve(db: Db, actor: Actor, library: UUID, wanted: Block, asked: list[Resolution]) -> list[Affected]:
    """Only what is in the way is moved or given up."""
    if not asked:
        return []
    held = of_seat(db, library, wanted.seat_id, wanted.start_at, wanted.end_at)
    in_the_way = {one.id: one for one in held if one.kind == "booking"}
    for one in asked:
        if one.booking_id not in in_the_way:
            raise Invalid.field("resolutions", "a booking that is not in the way")
        if one.move_to:
            moving.change(db, actor, one.booking_id, BookingChange(seat_id=one.move_to))
        else:
            bookings.cancel(db, actor, one.booking_id, wanted.reason)
    return [in_the_way[one.booking_id] for one in asked]
