"""The SQL of attendance: entry facts under one lock, visits, scans, and the occupancy they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.attendance.models import Attendance, Entry, Over, Passage, Today, Visit, Visitor
from studyspot.attendance.reading import OVERSTAY
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.models import Model

COLUMNS = """
    a.id, a.student_id, a.library_id, a.booking_id, a.seat_id, a.check_in_at, a.check_out_at, a.method, a.device_id,
    a.marked_by, a.reason, a.auto, a.flags, a.created_at"""
VISITOR = f"{COLUMNS}, st.student_code, st.first_name, st.last_name, s.code AS seat_code"
VISITS = "attendance a JOIN students st ON st.id = a.student_id LEFT JOIN seats s ON s.id = a.seat_id"

FACTS = """
    SELECT d.student AS student_id, f.*, y.*, w.*, library_policy(%(library)s, 'attendance') AS policy,
           (SELECT a.ends_at FROM attendance a WHERE a.id = f.inside_id) AS inside_ends_at
    FROM at_the_door(coalesce(%(student)s, (SELECT s.id FROM students s
             WHERE s.student_code = %(student_code)s OR s.phone = %(number)s))) AS d (student),
         LATERAL entry_facts(d.student, %(library)s, %(step)s, %(now)s) f,
         LATERAL stay_facts(d.student, %(library)s, f.booking_id, %(own_step)s, %(now)s) y,
         LATERAL door_facts(d.student, %(library)s, %(phone)s, %(counted)s AND f.member AND f.member_seat IS NULL
             AND f.inside_library IS DISTINCT FROM %(library)s
             AND (f.booking_library IS DISTINCT FROM %(library)s OR f.early), %(now)s) w"""
# In one order, so that two desks never wait in a circle.
LINE_UP = "SELECT s.id FROM students s WHERE s.id = ANY (%(ids)s) ORDER BY s.id FOR NO KEY UPDATE"

ARRIVE = """
    INSERT INTO attendance (id, student_id, library_id, booking_id, seat_id, check_in_at, check_out_at, method,
                            device_id, marked_by, reason, created_at, ends_at, fixed)
    VALUES (%(id)s, %(student_id)s, %(library_id)s, %(booking_id)s, %(seat_id)s, %(check_in_at)s, %(check_out_at)s,
            %(method)s, %(device_id)s, %(marked_by)s, %(reason)s, %(created_at)s, %(ends_at)s, %(fixed)s)"""

LEAVE = """
    UPDATE attendance SET check_out_at = greatest(%(now)s, check_in_at), auto = %(auto)s,
           flags = CASE WHEN %(flag)s::text IS NULL THEN flags ELSE array_append(flags, %(flag)s) END
    WHERE id = %(id)s AND check_out_at IS NULL"""

FLAG = """
    UPDATE attendance SET flags = array_append(flags, %(flag)s) WHERE id = %(id)s AND NOT flags @> ARRAY[%(flag)s]"""

PASSED = """
    INSERT INTO attendance_scans (id, student_id, library_id, scanned_at, kind, method, step, decision, direction,
                                  reason, attendance_id, device_id, marked_by, admitted, shut, booking_id, seat_id,
                                  ends_at, phone, flags, offline, repeat_seconds)
    VALUES (%(id)s, %(student_id)s, %(library_id)s, %(scanned_at)s, %(kind)s, %(method)s, %(step)s, %(decision)s,
            %(direction)s, %(reason)s, %(attendance_id)s, %(device_id)s, %(marked_by)s, %(admitted)s, %(shut)s,
            %(booking_id)s, %(seat_id)s, %(ends_at)s, %(phone)s, %(flags)s, %(offline)s,
            %(repeat_seconds)s)"""

READ = f"SELECT {COLUMNS} FROM attendance a WHERE a.id = %(id)s"

LIST = f"""
    SELECT {VISITOR} FROM {VISITS}
    WHERE (%(after)s::uuid IS NULL OR a.id < %(after)s) AND (%(student)s::uuid IS NULL OR a.student_id = %(student)s)
      AND (%(library)s::uuid IS NULL OR a.library_id = %(library)s)
      AND (%(libraries)s::uuid[] IS NULL OR a.library_id = ANY (%(libraries)s))
      AND (%(start)s::timestamptz IS NULL OR a.check_out_at > %(start)s OR a.check_out_at IS NULL)
      AND (%(end)s::timestamptz IS NULL OR a.check_in_at < %(end)s)
      AND (%(shift)s::uuid IS NULL OR EXISTS (
          SELECT FROM memberships m, tenant_gate g WHERE m.student_id = a.student_id AND m.library_id = a.library_id
             AND m.shift_id = %(shift)s AND m.start_date <= (a.check_in_at AT TIME ZONE g.timezone)::date
             AND m.end_date > (a.check_in_at AT TIME ZONE g.timezone)::date))
    ORDER BY a.id DESC LIMIT %(most)s"""

HISTORY = f"""
    SELECT {COLUMNS},
           floor(extract(epoch FROM coalesce(a.check_out_at, least(%(now)s, a.ends_at)) - a.check_in_at) / 60)::integer
               AS minutes
    FROM attendance a
    WHERE a.student_id = %(student)s AND (%(after)s::uuid IS NULL OR a.id < %(after)s)
      AND (%(start)s::timestamptz IS NULL OR a.check_out_at > %(start)s OR a.check_out_at IS NULL)
      AND (%(end)s::timestamptz IS NULL OR a.check_in_at < %(end)s)
    ORDER BY a.id DESC LIMIT %(most)s"""

INSIDE = f"""
    SELECT {VISITOR} FROM {VISITS}
    WHERE a.check_out_at IS NULL AND (%(library)s::uuid IS NULL OR a.library_id = %(library)s)
      AND (%(libraries)s::uuid[] IS NULL OR a.library_id = ANY (%(libraries)s))
    ORDER BY a.check_in_at, a.id"""

TODAY = """
    WITH day AS MATERIALIZED (
        SELECT l.id AS library_id,
               (date_trunc('day', (%(now)s AT TIME ZONE g.timezone) - l.day_start) + l.day_start)
                   AT TIME ZONE g.timezone AS began,
               ((%(now)s AT TIME ZONE g.timezone) - l.day_start)::date AS day, %(now)s AT TIME ZONE g.timezone AS here
        FROM libraries l, tenant_gate g
        WHERE l.status <> 'closed' AND (%(library)s::uuid IS NULL OR l.id = %(library)s)
          AND (%(libraries)s::uuid[] IS NULL OR l.id = ANY (%(libraries)s))),
    -- Who came today, and who is still there from before: each by its index.
    visit AS MATERIALIZED (
        SELECT a.library_id, a.student_id, a.booking_id, a.check_in_at, a.check_out_at
        FROM day d, attendance a WHERE a.library_id = d.library_id AND a.check_in_at >= d.began
        UNION ALL
        SELECT a.library_id, a.student_id, a.booking_id, a.check_in_at, a.check_out_at
        FROM day d, attendance a WHERE a.library_id = d.library_id AND a.check_in_at < d.began
          AND a.check_out_at IS NULL),
    here AS (
        SELECT v.library_id, count(*) AS visits, count(*) FILTER (WHERE v.check_out_at IS NULL) AS inside,
               count(*) FILTER (WHERE v.check_in_at > (SELECT k.start_at FROM bookings k WHERE k.id = v.booking_id)
                                                      + interval '15 minutes') AS late
        FROM visit v GROUP BY v.library_id),
    booked AS (
        SELECT d.library_id, count(*) AS absent FROM day d, bookings k
        WHERE k.library_id = d.library_id AND k.start_at >= d.began AND k.start_at <= %(now)s
          AND k.status IN ('confirmed','no_show') GROUP BY d.library_id),
    -- Members whose time has begun, who have not come and did not say that they would not.
    missing AS (
        SELECT d.library_id, count(*) AS absent
        FROM day d JOIN memberships m ON m.library_id = d.library_id AND m.status IN ('active','grace')
            AND m.start_date <= d.day AND m.end_date > d.day
        JOIN students st ON st.id = m.student_id AND st.status = 'active'
        LEFT JOIN shifts h ON h.id = m.shift_id
        LEFT JOIN visit v ON v.student_id = m.student_id AND v.library_id = m.library_id
        LEFT JOIN attendance_leaves e ON e.student_id = m.student_id AND e.from_date <= d.day AND e.until_date > d.day
        WHERE v.student_id IS NULL AND e.student_id IS NULL
          AND (h.id IS NULL OR (extract(isodow FROM d.day)::smallint = ANY (h.days)
               AND d.day + h.start_time + shift_tolerance(h.library_id) <= d.here))
        GROUP BY d.library_id)
    SELECT d.library_id, d.began AS day_began_at, coalesce(v.visits, 0) AS visits, coalesce(v.inside, 0) AS inside,
           coalesce(v.visits - v.inside, 0) AS "left", coalesce(b.absent, 0) AS booked_absent,
           coalesce(m.absent, 0) AS members_absent, coalesce(v.late, 0) AS late
    FROM day d LEFT JOIN here v ON v.library_id = d.library_id LEFT JOIN booked b ON b.library_id = d.library_id
    LEFT JOIN missing m ON m.library_id = d.library_id
    ORDER BY d.library_id"""

# A seat counts once, whatever claims it; a person without a seat of their own takes one of the free ones.
OCCUPANCY = """
    WITH zone AS (
        SELECT e.zone_id, count(*) AS seats, sum(e.present)::integer AS present,
               count(*) FILTER (WHERE e.booked) AS booked, count(*) FILTER (WHERE e.allotted) AS allotted,
               count(*) FILTER (WHERE e.blocked) AS blocked,
               count(*) FILTER (WHERE e.blocked OR e.booked OR e.allotted OR e.present > 0) AS unfree
        FROM seats_at(%(library)s, %(now)s) e GROUP BY e.zone_id),
    standing AS (
        SELECT a.library_id, count(*) AS people FROM attendance a
        WHERE a.check_out_at IS NULL AND a.seat_id IS NULL GROUP BY a.library_id)
    SELECT l.id AS library_id, l.name, l.capacity AS cap, z.id AS zone_id, z.name AS zone_name,
           coalesce(n.seats, 0) AS seats, coalesce(n.present, 0) AS present, coalesce(n.booked, 0) AS booked,
           coalesce(n.allotted, 0) AS allotted, coalesce(n.blocked, 0) AS blocked, coalesce(n.unfree, 0) AS unfree,
           coalesce(t.people, 0) AS standing
    FROM libraries l LEFT JOIN zones z ON z.library_id = l.id LEFT JOIN zone n ON n.zone_id = z.id
    LEFT JOIN standing t ON t.library_id = l.id
    WHERE l.status <> 'closed' AND (%(library)s::uuid IS NULL OR l.id = %(library)s)
    ORDER BY l.name, l.id, z.name"""


class ZoneRow(Model):
    """One zone of one library, or a library without zones."""

    library_id: UUID
    name: str
    cap: int | None
    zone_id: UUID | None
    zone_name: str | None
    seats: int
    present: int
    booked: int
    allotted: int
    blocked: int
    unfree: int
    standing: int


@dataclass(frozen=True)
class Asked:
    """Who stands before which library, with which code of which phone. `library` of none: wherever they are."""

    student: UUID | None
    library: UUID | None
    step: int = -1
    own_step: int = -1
    student_code: str | None = None
    number: str | None = None
    phone: str | None = None
    counted: bool = True
    """Whether it matters how many find a place; then the library's door is passed one after the other."""


def entry(db: Db, asked: Asked, now: datetime) -> Entry:
    """The facts of a decision; the student stays locked until the commit."""
    facts = db.one(Entry, FACTS, now=now, **asdict(asked))
    return _without_what_is_over(facts, asked.library, now)


def line_up(db: Db, students: Sequence[UUID]) -> set[UUID]:
    """Those of them whom the caller sees, locked."""
    return {row["id"] for row in db.dicts(LINE_UP, ids=list(students))}


def _without_what_is_over(facts: Entry, library: UUID | None, now: datetime) -> Entry:
    """Who is inside past the visit's end is outside: whether its timer has fired yet makes no difference."""
    ends_at = facts.inside_ends_at
    if facts.inside_id is None or facts.inside_library is None or ends_at is None or now <= ends_at + OVERSTAY:
        return facts
    over = Over(id=facts.inside_id, library=facts.inside_library, booking=facts.inside_booking, ends_at=ends_at)
    late = facts.inside_id if facts.inside_library == library else None
    outside = {"inside_id": None, "inside_library": None, "inside_booking": None}
    return facts.model_copy(update={**outside, "over": over, "late_id": late})


def arrive_later(db: Db, visit: Attendance, ends_at: datetime | None) -> None:
    """With the commit."""
    db.later(ARRIVE, **visit.model_dump(), ends_at=ends_at, fixed=False)


def arrive(db: Db, visit: Attendance, ends_at: datetime | None) -> bool:
    """By hand; False when the student is inside already."""
    row = visit.model_dump()
    return db.run(f"{ARRIVE} ON CONFLICT DO NOTHING", **row, ends_at=ends_at, fixed=True) == 1


def leave_later(db: Db, visit_id: UUID, at: datetime, flag: str | None = None, auto: bool = False) -> None:
    """With the commit."""
    db.later(LEAVE, id=visit_id, now=at, flag=flag, auto=auto)


def flag_later(db: Db, visit_id: UUID, flag: str) -> None:
    """With the commit."""
    db.later(FLAG, id=visit_id, flag=flag)


def passed(db: Db, passage: Passage) -> None:
    """Now, because it is read again in this transaction."""
    db.run(PASSED, **passage.model_dump())


def passed_later(db: Db, passage: Passage) -> None:
    """With the commit: what was decided."""
    db.later(PASSED, **passage.model_dump())


def read(db: Db, visit_id: UUID) -> Attendance:
    return db.one(Attendance, READ, id=visit_id)


def listed(db: Db, most: int, after: str | None, **filters: Any) -> list[Visitor]:
    """Newest first, one more than a page."""
    return db.all(Visitor, LIST, most=most, after=after, **filters)


def history(
    db: Db, student: UUID, most: int, after: str | None, start: datetime | None, end: datetime | None
) -> list[Visit]:
    """One student's visits, newest first."""
    return db.all(Visit, HISTORY, student=student, most=most, after=after, start=start, end=end, now=clock.now())


def inside(db: Db, library: UUID | None, libraries: Sequence[UUID] | None) -> list[Visitor]:
    """Who is there now, longest first."""
    return db.all(Visitor, INSIDE, library=library, libraries=libraries)


def today(db: Db, library: UUID | None, libraries: Sequence[UUID] | None) -> list[Today]:
    return db.all(Today, TODAY, library=library, libraries=libraries, now=clock.now())


def occupancy(db: Db, library: UUID | None, now: datetime) -> list[ZoneRow]:
    """One row a zone, in one round trip."""
    return db.all(ZoneRow, OCCUPANCY, library=library, now=now)


def has_library(db: Db, library: UUID) -> bool:
    return bool(db.value("SELECT 1 FROM libraries WHERE id = %(id)s AND status <> 'closed'", id=library))
