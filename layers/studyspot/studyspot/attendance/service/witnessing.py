"""Scans that become known after the fact: a student's visits are read anew from all that is known of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from studyspot.attendance.door import Door, left, tell_guardians, watch
from studyspot.attendance.models import Entry, Method, Passage
from studyspot.attendance.queries import Asked, entry, passed
from studyspot.attendance.queries import kiosk as queries
from studyspot.attendance.reading import Stay, read
from studyspot.bookings import service as bookings
from studyspot.kit import outbox
from studyspot.kit.db import Db

RIGHT = timedelta(seconds=30)
"""A clock that is no further off is right."""
FARTHEST = timedelta(days=31)
"""Older than that a time is a wrong clock's, not a scan's."""


@dataclass(frozen=True)
class Sight:
    """A device saw somebody."""

    id: UUID
    at: datetime
    method: Method
    admitted: bool
    kind: Literal["pass", "in", "out"] = "pass"
    step: int = -1
    flags: tuple[str, ...] = ()


def witness(db: Db, student: UUID, library: UUID, sights: Sequence[Sight], now: datetime) -> None:
    """Add what was seen of one student, and let their visits follow from it."""
    for sight in sights:
        facts = entry(db, Asked(student, library, counted=False), sight.at)
        door = Door(db, facts, student, library, sight.at, sight.method, kind=sight.kind, step=sight.step)
        passed(db, _passage(db, door, sight))
    _read_anew(db, student, min(sight.at for sight in sights), facts, now)


def scan_id(device: UUID, number: bytes, at: datetime) -> UUID:
    """The same for the same entry of the same device; sorted by its time, like every other id."""
    digest = hashlib.sha256(device.bytes + number).digest()
    value = int(at.timestamp() * 1000) << 80 | int.from_bytes(digest[:10])
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def _passage(db: Db, door: Door, sight: Sight) -> Passage:
    """What the device decided stands: whoever it let in went in. That nobody else would have is told."""
    passage = door.passage()
    flags = [*sight.flags, *(["unwarranted"] if sight.admitted and not passage.admitted else [])]
    booking = queries.booking_at(db, door.student, door.library, sight.at)
    held = {"booking_id": booking.id, "seat_id": booking.seat_id} if booking else {"booking_id": None}
    return passage.model_copy(
        update={
            "id": sight.id,
            "decision": "allow" if sight.admitted else "deny",
            "reason": None if sight.admitted else "denied_offline",
            "admitted": sight.admitted,
            "flags": flags,
            "offline": True,
            **held,
        }
    )


def _read_anew(db: Db, student: UUID, since: datetime, facts: Entry, now: datetime) -> None:
    """The student's visits as all scans now known tell them; the student is locked."""
    stood = queries.visits(db, student, since)
    before = {stay.id: stay for stay in stood if not stay.fixed}
    reading = read(queries.scans(db, student, since), [stay for stay in stood if stay.fixed], now)
    after = {stay.id: stay for stay in reading.stays}
    for gone in before.keys() - after.keys():
        queries.forget(db, gone)
    changed = [stay for stay in reading.stays if not _same(before.get(stay.id), stay, stood)]
    # What is open comes last: nobody is inside twice, not for a moment.
    for stay in sorted(changed, key=lambda s: s.went is None):
        queries.put(db, student, stay)
        _told(db, facts, student, before.get(stay.id), stay)
    queries.tell(db, reading.came)
    _tell_bookings(db, before, changed)


def _same(before: Stay | None, after: Stay, stood: Sequence[Stay]) -> bool:
    if after.fixed:
        before = next(stay for stay in stood if stay.id == after.id)
    return before is not None and (before.went, before.auto, before.flags) == (after.went, after.auto, after.flags)


def _told(db: Db, known: Entry, student: UUID, before: Stay | None, stay: Stay) -> None:
    if before is None and not stay.fixed:
        facts = {"studentId": str(student), "libraryId": str(stay.library)}
        outbox.emit(db, "attendance.checked_in", stay.id, facts)
        tell_guardians(db, known, stay.id, "in", stay.came)
    if stay.went is None:
        watch(db, stay.id, stay.ends_at)
    elif before is None or before.went is None:
        left(db, stay.id, stay.library, None)
        if not stay.auto:
            tell_guardians(db, known, stay.id, "out", stay.went)


def _tell_bookings(db: Db, before: dict[UUID, Stay], changed: Sequence[Stay]) -> None:
    """A booking whose visit becomes known is checked in, and completed when it has ended."""
    had = {stay.booking_id: stay for stay in before.values() if stay.booking_id}
    for stay in changed:
        if stay.booking_id is None:
            continue
        known = had.get(stay.booking_id)
        if known is None:
            bookings.arrived(db, stay.booking_id)
        if stay.went is not None and (known is None or known.went is None):
            bookings.left(db, stay.booking_id)
