"""The SQL of kiosks: who may come in, what was uploaded, and a student's scans and visits as they are read anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.attendance.models import Passage
from studyspot.attendance.models.kiosk import QueueEntry, Welcome
from studyspot.attendance.reading import Came, Stay
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.models import Model

ROSTER = """
    WITH today AS (SELECT g.timezone, (%(now)s AT TIME ZONE g.timezone)::date AS day FROM tenant_gate g)
    SELECT st.id AS student_id, st.student_code, concat_ws(' ', st.first_name, left(st.last_name, 1)) AS name,
           w.from_date, w.until_date, w.shift_start, w.shift_end, w.shift_days, s.code AS seat_code
    FROM today t, LATERAL (
        SELECT m.student_id, m.seat_id, m.start_date AS from_date, m.end_date + v.grace_days AS until_date,
               h.start_time AS shift_start, h.end_time AS shift_end, h.days AS shift_days
        FROM memberships m
        JOIN fee_plan_versions v ON v.fee_plan_id = m.fee_plan_id AND v.version = m.fee_plan_version
        LEFT JOIN shifts h ON h.id = m.shift_id
        WHERE m.library_id = %(library)s AND m.status IN ('active','grace')
          AND m.start_date <= t.day + 1 AND m.end_date + v.grace_days > t.day
        UNION ALL
        SELECT b.student_id, b.seat_id, (b.start_at AT TIME ZONE t.timezone)::date,
               (b.end_at AT TIME ZONE t.timezone)::date + 1, (b.start_at AT TIME ZONE t.timezone)::time,
               (b.end_at AT TIME ZONE t.timezone)::time, NULL
        FROM bookings b
        WHERE b.library_id = %(library)s AND b.status IN ('confirmed','checked_in')
          AND b.start_at < %(now)s + interval '1 day' AND b.end_at > %(now)s) w
    JOIN students st ON st.id = w.student_id LEFT JOIN seats s ON s.id = w.seat_id
    WHERE NOT st.status = ANY (%(barred)s)
    ORDER BY st.student_code, w.from_date, w.shift_start"""

NUMBERS = """
    SELECT coalesce(max(e.sequence), 0) + 1 AS next_sequence,
           ARRAY(SELECT n FROM generate_series(greatest(1, max(e.sequence) - 10000), max(e.sequence)) n
                 WHERE NOT EXISTS (SELECT FROM kiosk_entries k WHERE k.device_id = %(device)s AND k.sequence = n)
                 LIMIT 1000) AS missing
    FROM kiosk_entries e WHERE e.device_id = %(device)s"""

# A genuine code names a student of the house, whichever of its libraries they are at home in: as at the door, the
# transaction sees all of them from here on.
LOCK = "SELECT set_config('app.libraries', '', true) FROM devices WHERE id = %(device)s FOR UPDATE"
KNOWN = """
    SELECT sequence, previous, mac, outcome FROM kiosk_entries
    WHERE device_id = %(device)s AND sequence = ANY (%(around)s)"""
TAKE = """
    INSERT INTO kiosk_entries (device_id, sequence, library_id, previous, mac, student_id, scan_id, outcome,
                               device_at, scanned_at, received_at)
    VALUES (%(device)s, %(sequence)s, %(library)s, %(previous)s, %(mac)s, %(student)s, %(scan)s, %(outcome)s,
            %(device_at)s, %(at)s, %(now)s)"""
STUDENTS = "SELECT id FROM students WHERE id = ANY (%(ids)s)"
BOOKING = """
    SELECT b.id, b.seat_id FROM bookings b
    WHERE b.student_id = %(student)s AND b.library_id = %(library)s
      AND b.status IN ('confirmed','checked_in','completed','no_show')
      AND %(at)s >= b.start_at - make_interval(mins => (b.policy->>'check_in_minutes_before')::integer)
      AND %(at)s < b.end_at
    ORDER BY b.start_at LIMIT 1"""

# A visit's beginning is a moment before which the student was outside. It lies further back than two scans can be one.
QUIET = """
    SELECT coalesce((SELECT max(a.check_in_at) FROM attendance a
                     WHERE a.student_id = %(student)s AND a.check_in_at <= %(since)s - interval '10 minutes'),
                    '-infinity')"""
SCANS = f"""
    SELECT n.id, n.student_id, n.library_id, n.scanned_at, n.kind, n.method, n.step, n.decision, n.direction, n.reason,
           n.attendance_id, n.device_id, n.marked_by, n.admitted, n.shut, n.booking_id, n.seat_id, n.ends_at, n.phone,
           n.flags, n.offline, n.repeat_seconds
    FROM attendance_scans n
    WHERE n.student_id = %(student)s AND n.admitted IS NOT NULL AND n.scanned_at >= ({QUIET})
    ORDER BY n.scanned_at, n.id"""
VISITS = f"""
    SELECT a.id, a.library_id, a.check_in_at, a.check_out_at, a.ends_at, a.auto, a.flags, a.booking_id, a.seat_id,
           a.method, a.device_id, a.marked_by,
           a.fixed OR NOT EXISTS (SELECT FROM attendance_scans n WHERE n.id = a.id AND n.admitted IS NOT NULL) AS fixed
    FROM attendance a
    WHERE a.student_id = %(student)s AND a.check_in_at >= ({QUIET})
    ORDER BY a.check_in_at"""

FORGET = "DELETE FROM attendance WHERE id = %(id)s"
PUT = """
    INSERT INTO attendance (id, student_id, library_id, booking_id, seat_id, check_in_at, check_out_at, method,
                            device_id, marked_by, created_at, ends_at, auto, flags)
    VALUES (%(id)s, %(student)s, %(library)s, %(booking_id)s, %(seat_id)s, %(came)s, %(went)s, %(method)s,
            %(device_id)s, %(marked_by)s, %(now)s, %(ends_at)s, %(auto)s, %(flags)s)
    ON CONFLICT (tenant_id, id) DO UPDATE
        SET check_out_at = EXCLUDED.check_out_at, auto = EXCLUDED.auto, flags = EXCLUDED.flags"""
# First of all what came to nothing after all: a code is never used up twice, not for a moment.
UNTELL = """
    UPDATE attendance_scans SET direction = NULL, attendance_id = NULL
    WHERE id = ANY (%(nothing)s::uuid[]) AND direction IS NOT NULL"""
TELL = """
    UPDATE attendance_scans n SET direction = t.direction, attendance_id = t.visit,
           reason = CASE WHEN n.decision = 'deny' THEN n.reason ELSE t.reason END
    FROM jsonb_to_recordset(%(told)s::jsonb) AS t (id uuid, direction text, visit uuid, reason text)
    WHERE n.id = t.id AND ((n.direction, n.attendance_id) IS DISTINCT FROM (t.direction, t.visit)
                       OR (n.decision = 'allow' AND n.reason IS DISTINCT FROM t.reason))"""


class Numbers(Model):
    """How far a queue was uploaded, and what is missing of it."""

    next_sequence: int
    missing: list[int]


class Entry(Model):
    """An entry that is stored."""

    sequence: int
    previous: str
    mac: str
    outcome: str


class Seat(Model):
    """What a booking holds."""

    id: UUID
    seat_id: UUID


class VisitRow(Model):
    """A visit as it stands."""

    id: UUID
    library_id: UUID
    check_in_at: datetime
    check_out_at: datetime | None
    ends_at: datetime | None
    auto: bool
    flags: list[str]
    booking_id: UUID | None
    seat_id: UUID | None
    method: str
    device_id: UUID | None
    marked_by: UUID | None
    fixed: bool

    def stay(self) -> Stay:
        same: dict[str, Any] = self.model_dump(
            include={"id", "ends_at", "auto", "booking_id", "seat_id", "method", "device_id", "marked_by", "fixed"}
        )
        return Stay(
            library=self.library_id, came=self.check_in_at, went=self.check_out_at, flags=tuple(self.flags), **same
        )


def roster(db: Db, library: UUID, barred: Sequence[str]) -> list[Welcome]:
    return db.all(Welcome, ROSTER, library=library, barred=list(barred), now=clock.now())


def numbers(db: Db, device: UUID) -> Numbers:
    return db.one(Numbers, NUMBERS, device=device)


def lock(db: Db, device: UUID) -> None:
    """One upload of a device after the other."""
    db.run(LOCK, device=device)


def known(db: Db, device: UUID, around: Sequence[int]) -> dict[int, Entry]:
    return {entry.sequence: entry for entry in db.all(Entry, KNOWN, device=device, around=list(around))}


def students(db: Db, ids: set[UUID]) -> set[UUID]:
    """Those of them whom the caller sees."""
    return {row["id"] for row in db.dicts(STUDENTS, ids=sorted(ids))}


def take(
    db: Db, device: UUID, library: UUID, entry: QueueEntry, outcome: str, *, device_at: datetime, at: datetime,
    student: UUID | None = None, scan: UUID | None = None,
) -> None:  # fmt: skip
    named = entry.model_dump(include={"sequence", "previous", "mac"})
    times = {"device_at": device_at, "at": at, "now": clock.now()}
    db.run(TAKE, device=device, library=library, outcome=outcome, student=student, scan=scan, **named, **times)


def booking_at(db: Db, student: UUID, library: UUID, at: datetime) -> Seat | None:
    """The booking of that moment, whatever became of it since."""
    return db.maybe(Seat, BOOKING, student=student, library=library, at=at)


def scans(db: Db, student: UUID, since: datetime) -> list[Passage]:
    """From a moment on before which the student was outside."""
    return db.all(Passage, SCANS, student=student, since=since)


def visits(db: Db, student: UUID, since: datetime) -> list[Stay]:
    """From the same moment on."""
    return [row.stay() for row in db.all(VisitRow, VISITS, student=student, since=since)]


def forget(db: Db, visit: UUID) -> None:
    """A visit that was none: its scan was a departure."""
    db.run(FORGET, id=visit)


def put(db: Db, student: UUID, stay: Stay) -> None:
    """A visit as the scans tell it."""
    told = {k: getattr(stay, k) for k in ("id", "library", "came", "went", "ends_at", "auto", "booking_id", "seat_id",
                                          "method", "device_id", "marked_by")}  # fmt: skip
    db.run(PUT, student=student, flags=list(stay.flags), now=clock.now(), **told)


def tell(db: Db, came: dict[UUID, Came]) -> None:
    """What came of each scan, where it is something else than before."""
    nothing = [scan for scan, c in came.items() if c.direction is None]
    if nothing:
        db.run(UNTELL, nothing=nothing)
    told = [
        {"id": str(scan), "direction": c.direction, "visit": str(c.stay) if c.stay else None, "reason": c.reason}
        for scan, c in came.items()
    ]
    db.run(TELL, told=json.dumps(told))
