"""The SQL of one visit: what it says and said before, what is around it, and its end."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from studyspot.attendance.models import Attendance, Corrected
from studyspot.attendance.queries import COLUMNS
from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.policies.models import StoredAttendance

READ = f"""
    SELECT {COLUMNS}, coalesce((
        SELECT jsonb_agg(jsonb_build_object('check_in_at', c.check_in_at, 'check_out_at', c.check_out_at,
                         'auto', c.auto, 'reason', c.reason, 'corrected_by', c.corrected_by,
                         'created_at', c.created_at) ORDER BY c.id DESC)
        FROM attendance_corrections c WHERE c.attendance_id = a.id), '[]') AS corrections
    FROM attendance a WHERE a.id = %(id)s"""

AROUND = """
    SELECT d.student AS student_id, visit_ends_at(d.student, %(library)s, b.booking_id, %(came)s) AS ends_at,
           (SELECT a.id FROM attendance a WHERE a.student_id = d.student AND a.check_out_at IS NULL
               AND a.id IS DISTINCT FROM %(but)s) AS inside_id,
           (SELECT a.id FROM attendance a WHERE a.student_id = d.student AND a.id IS DISTINCT FROM %(but)s
               AND tstzrange(a.check_in_at, a.check_out_at) && tstzrange(%(came)s, %(went)s)
               ORDER BY a.check_in_at LIMIT 1) AS overlaps_id
    FROM at_the_door(%(student)s) AS d (student)
    LEFT JOIN LATERAL (SELECT a.booking_id FROM attendance a WHERE a.id = %(but)s) b ON true"""

KEEP = """
    INSERT INTO attendance_corrections (id, student_id, attendance_id, check_in_at, check_out_at, auto, reason,
                                        corrected_by, created_at)
    VALUES (%(id)s, %(student)s, %(visit)s, %(check_in_at)s, %(check_out_at)s, %(auto)s, %(reason)s, %(by)s, %(now)s)"""

CORRECT = """
    UPDATE attendance SET check_in_at = %(came)s, check_out_at = %(went)s, reason = %(reason)s, auto = false,
           fixed = true, ends_at = %(ends_at)s
    WHERE id = %(id)s"""

ENDING = """
    SELECT a.library_id, a.booking_id, visit_ends_at(a.student_id, a.library_id, a.booking_id, a.check_in_at) AS ends_at
    FROM (SELECT o.* FROM attendance o, LATERAL at_the_door(o.student_id) WHERE o.id = %(id)s OFFSET 0) s
    JOIN attendance a ON a.id = s.id
    WHERE a.check_out_at IS NULL"""

END = """
    UPDATE attendance SET check_out_at = greatest(%(ends_at)s, check_in_at), ends_at = %(ends_at)s, auto = true
    WHERE id = %(id)s AND check_out_at IS NULL"""

MOVE_END = "UPDATE attendance SET ends_at = %(ends_at)s WHERE id = %(id)s AND check_out_at IS NULL"
MOVE_SCANNED_END = """
    UPDATE attendance_scans SET ends_at = %(ends_at)s WHERE id = %(id)s AND ends_at IS DISTINCT FROM %(ends_at)s"""


NOTICE = """
    SELECT st.id AS student_id, st.first_name AS student, l.name AS library, g.timezone,
           library_policy(l.id, 'attendance') AS policy
    FROM tenant_gate g, attendance a JOIN students st ON st.id = a.student_id JOIN libraries l ON l.id = a.library_id
    WHERE a.id = %(id)s"""


class Notice(Model):
    """What a guardian reads of a visit, and whether one does."""

    student_id: UUID
    student: str
    library: str
    timezone: str
    policy: StoredAttendance


class Around(Model):
    """A student, locked, and the visits that leave no room for another."""

    student_id: UUID | None
    ends_at: datetime | None
    inside_id: UUID | None
    overlaps_id: UUID | None


class Ending(Model):
    """An open visit and when it counts no longer."""

    library_id: UUID
    booking_id: UUID | None
    ends_at: datetime


def read(db: Db, visit_id: UUID) -> Corrected:
    return db.one(Corrected, READ, id=visit_id)


def around(
    db: Db, student: UUID, library: UUID, came: datetime, went: datetime | None, but: UUID | None = None
) -> Around:
    return db.one(Around, AROUND, student=student, library=library, came=came, went=went, but=but)


def correct(
    db: Db, before: Attendance, came: datetime, went: datetime | None, reason: str, by: UUID, ends_at: datetime | None
) -> None:
    """What it said is kept, then it says the other."""
    said = before.model_dump(include={"check_in_at", "check_out_at", "auto"})
    kept = {"student": before.student_id, "visit": before.id, "reason": reason, "by": by, "now": clock.now()}
    db.run(KEEP, id=ids.uuid7(), **kept, **said)
    db.run(CORRECT, id=before.id, came=came, went=went, reason=reason, ends_at=ends_at)


def notice(db: Db, visit_id: UUID) -> Notice | None:
    return db.maybe(Notice, NOTICE, id=visit_id)


def ending(db: Db, visit_id: UUID) -> Ending | None:
    """The visit if it is open, its student locked."""
    return db.maybe(Ending, ENDING, id=visit_id)


def end(db: Db, visit_id: UUID, ends_at: datetime) -> None:
    """At its end, by itself. Its scan learns the end that held, so that reading the scans again gives the same."""
    db.run(END, id=visit_id, ends_at=ends_at)
    db.run(MOVE_SCANNED_END, id=visit_id, ends_at=ends_at)


def move_end(db: Db, visit_id: UUID, ends_at: datetime) -> None:
    """It ends at another time than was thought when it began."""
    db.run(MOVE_END, id=visit_id, ends_at=ends_at)
    db.run(MOVE_SCANNED_END, id=visit_id, ends_at=ends_at)
