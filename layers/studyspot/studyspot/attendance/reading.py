"""Visits out of scans: a student's scans read in the order of their time, whenever each of them became known.

The result depends on the set of scans alone, not on the order in which they arrived; so a kiosk that was offline adds
what it saw, and whoever uploads last changes nothing that another order would have given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from studyspot.attendance.models import Direction, Method, Passage

OVERSTAY = timedelta(minutes=15)
"""Who has not scanned out this long after the visit's end is taken to have left at its end."""
STILL_LEAVING = timedelta(hours=12)


@dataclass(frozen=True)
class Stay:
    """A visit as the scans tell it; its id is that of the scan that began it."""

    id: UUID
    library: UUID
    came: datetime
    went: datetime | None = None
    ends_at: datetime | None = None
    auto: bool = False
    flags: tuple[str, ...] = ()
    booking_id: UUID | None = None
    seat_id: UUID | None = None
    method: Method = "qr"
    device_id: UUID | None = None
    marked_by: UUID | None = None
    fixed: bool = False
    """By hand: it stands as it is, and what was scanned in its time belongs to it."""

    def over(self, now: datetime) -> bool:
        return self.ends_at is not None and now > self.ends_at + OVERSTAY

    def ended(self, at: datetime, *flags: str, auto: bool = False) -> Stay:
        return replace(self, went=max(at, self.came), auto=auto, flags=(*self.flags, *flags))


@dataclass(frozen=True)
class Came:
    """What came of one scan."""

    direction: Direction | None
    stay: UUID | None
    reason: str | None = None


@dataclass
class Reading:
    """A student's scans, read one after the other."""

    open: Stay | None = None
    stays: list[Stay] = field(default_factory=list)
    came: dict[UUID, Came] = field(default_factory=dict)
    _used: set[tuple[int, UUID | None]] = field(default_factory=set)
    _last: tuple[UUID, datetime, Came] | None = None

    def scan(self, scan: Passage) -> None:
        """In, out, or nothing: the rules of the door, for the moment of the scan."""
        at = scan.scanned_at
        self._close_over(at)
        around = next((s for s in self.stays if s.fixed and s.went and s.came <= at <= s.went), None)
        if around:
            self._note(scan, Came("in", around.id, "covered"))
        elif self._replayed(scan):
            self._note(scan, Came(None, None, "replayed"))
        elif self._twice(scan):
            assert self._last, "twice is after once"
            self._note(scan, replace(self._last[2], reason="repeated"))
        else:
            self._effective(scan)

    def stand(self, stay: Stay) -> None:
        """A visit by hand begins here; what was open ends."""
        self._close_over(stay.came)
        if self.open:
            self._close(stay.came)
        if stay.went is None:
            self.open = stay
        else:
            self.stays.append(stay)

    def end(self, now: datetime) -> Reading:
        """What is still open has ended by itself, or goes on."""
        self._close_over(now)
        if self.open:
            self.stays.append(self.open)
        return self

    def _effective(self, scan: Passage) -> None:
        here = self.open is not None and self.open.library == scan.library_id
        if scan.kind == "out" or (scan.kind == "pass" and here):
            self._go_out(scan)
        elif here:
            assert self.open, "somebody is here"
            self._note(scan, Came("in", self.open.id, "repeated"))
        elif scan.kind == "pass" and (stay := self._leaving_late(scan)):
            self._flag(stay, "overstay")
            self._note(scan, Came("out", stay.id, "late"), effective=True)
        elif scan.admitted:
            self._come_in(scan)
        else:
            self._note(scan, Came(None, None, scan.reason))

    def _go_out(self, scan: Passage) -> None:
        if self.open is None:
            self._note(scan, Came(None, None, "not_inside"))
            return
        told = Came("out", self.open.id)
        self._close(scan.scanned_at)
        self._note(scan, told, effective=True)

    def _come_in(self, scan: Passage) -> None:
        if self.open:
            self._close(scan.scanned_at, "elsewhere")
        self.open = Stay(
            id=scan.id,
            library=scan.library_id,
            came=scan.scanned_at,
            ends_at=scan.ends_at,
            booking_id=scan.booking_id,
            seat_id=scan.seat_id,
            method=scan.method,
            device_id=scan.device_id,
            marked_by=scan.marked_by,
        )
        self._note(scan, Came("in", scan.id), effective=True)

    def _close(self, at: datetime, *flags: str, auto: bool = False) -> None:
        assert self.open, "only what is open closes"
        self.stays.append(self.open.ended(at, *flags, auto=auto))
        self.open = None

    def _close_over(self, now: datetime) -> None:
        if self.open and self.open.ends_at and self.open.over(now):
            self._close(self.open.ends_at, auto=True)

    def _leaving_late(self, scan: Passage) -> Stay | None:
        """Who scans after a visit that ended by itself is leaving, where nobody could be coming."""
        last = self.stays[-1] if self.stays else None
        if self.open or last is None or not (last.auto and last.went and last.library == scan.library_id):
            return None
        recent = last.went > scan.scanned_at - STILL_LEAVING
        return last if recent and (scan.shut or not scan.admitted) else None

    def _flag(self, stay: Stay, flag: str) -> None:
        if flag not in stay.flags:
            self.stays[self.stays.index(stay)] = replace(stay, flags=(*stay.flags, flag))

    def _replayed(self, scan: Passage) -> bool:
        """A code counts once: a library's once in that library, a student's own once anywhere."""
        if scan.step < 0:
            return False
        return self._code(scan) in self._used

    def _code(self, scan: Passage) -> tuple[int, UUID | None]:
        return scan.step, None if scan.device_id else scan.library_id

    def _twice(self, scan: Passage) -> bool:
        if scan.kind != "pass" or self._last is None:
            return False
        library, at, _ = self._last
        return library == scan.library_id and scan.scanned_at - at < timedelta(seconds=scan.repeat_seconds)

    def _note(self, scan: Passage, told: Came, effective: bool = False) -> None:
        self.came[scan.id] = told
        if told.direction:
            self._used.add(self._code(scan))
        if effective:
            self._last = (scan.library_id, scan.scanned_at, told)


def read(scans: Sequence[Passage], by_hand: Sequence[Stay], now: datetime) -> Reading:
    """From a moment at which the student was outside."""
    reading = Reading()
    events: list[tuple[datetime, UUID, Passage | Stay]] = [(s.scanned_at, s.id, s) for s in scans]
    events += [(stay.came, stay.id, stay) for stay in by_hand]
    for _, _, event in sorted(events, key=lambda e: e[:2]):
        if isinstance(event, Stay):
            reading.stand(event)
        else:
            reading.scan(event)
    return reading.end(now)
