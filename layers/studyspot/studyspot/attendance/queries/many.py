"""The SQL of many at once: whom a reader knows, absences, and what looks wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from studyspot.attendance.models.many import AbsenceRequest, Anomaly, LeaveOfAbsence
from studyspot.kit import clock, ids
from studyspot.kit.db import Db

ENROLLED = "SELECT student_code, id FROM students WHERE student_code = ANY (%(codes)s)"
HAD = "SELECT id FROM attendance_scans WHERE id = ANY (%(ids)s)"
AWAY = """
    INSERT INTO attendance_leaves (id, student_id, from_date, until_date, reason, created_at)
    VALUES (%(id)s, %(student)s, %(from_date)s, %(until_date)s, %(reason)s, %(now)s)
    ON CONFLICT DO NOTHING RETURNING id, student_id, from_date, until_date, reason, created_at"""
TODAY = "SELECT (%(now)s AT TIME ZONE g.timezone)::date FROM tenant_gate g"

# Two students by one phone within half a day: one of them is perhaps not here.
ANOMALIES = """
    WITH found AS (
        SELECT CASE f.flag WHEN 'elsewhere' THEN 'two_places' ELSE f.flag END AS kind, a.check_in_at AS at,
               a.library_id, a.student_id, a.device_id, a.id AS attendance_id, NULL AS detail, a.id::text AS ref
        FROM attendance a, unnest(a.flags) AS f (flag)
        WHERE a.flags <> '{}' AND a.check_in_at >= %(start)s AND a.check_in_at < %(end)s
        UNION ALL
        SELECT f.flag, n.scanned_at, n.library_id, n.student_id, n.device_id, n.attendance_id, n.reason, n.id::text
        FROM attendance_scans n, unnest(n.flags) AS f (flag)
        WHERE n.flags <> '{}' AND n.scanned_at >= %(start)s AND n.scanned_at < %(end)s
        UNION ALL
        SELECT 'replayed', n.scanned_at, n.library_id, n.student_id, n.device_id, n.attendance_id, NULL, n.id::text
        FROM attendance_scans n
        WHERE n.reason = 'replayed' AND n.scanned_at >= %(start)s AND n.scanned_at < %(end)s
        UNION ALL
        SELECT 'geofence', n.scanned_at, n.library_id, n.student_id, NULL, n.attendance_id, NULL, n.id::text
        FROM attendance_scans n
        WHERE n.reason = 'geofence' AND n.scanned_at >= %(start)s AND n.scanned_at < %(end)s
        UNION ALL
        SELECT 'shared_phone', n.scanned_at, n.library_id, n.student_id, NULL, n.attendance_id,
               (SELECT o.student_id::text FROM attendance_scans o
                WHERE o.phone = n.phone AND o.student_id <> n.student_id AND o.scanned_at <= n.scanned_at
                  AND o.scanned_at > n.scanned_at - interval '12 hours' ORDER BY o.scanned_at DESC LIMIT 1), n.id::text
        FROM attendance_scans n
        WHERE n.phone IS NOT NULL AND n.scanned_at >= %(start)s AND n.scanned_at < %(end)s AND EXISTS (
            SELECT FROM attendance_scans o
            WHERE o.phone = n.phone AND o.student_id <> n.student_id AND o.scanned_at <= n.scanned_at
              AND o.scanned_at > n.scanned_at - interval '12 hours')
        UNION ALL
        SELECT e.outcome, e.received_at, e.library_id, e.student_id, e.device_id, NULL, e.sequence::text,
               e.device_id::text || lpad(e.sequence::text, 16, '0')
        FROM kiosk_entries e
        WHERE e.outcome <> 'taken' AND e.received_at >= %(start)s AND e.received_at < %(end)s),
    named AS (
        SELECT lpad((extract(epoch FROM x.at) * 1000)::bigint::text, 15, '0') || '-' || x.kind || '-' || x.ref AS id,
               x.*
        FROM found x)
    SELECT id, kind, at, library_id, student_id, device_id, attendance_id, detail FROM named
    WHERE (%(library)s::uuid IS NULL OR library_id = %(library)s)
      AND (%(after)s::text IS NULL OR id COLLATE "C" < %(after)s)
    ORDER BY id COLLATE "C" DESC LIMIT %(most)s"""


def enrolled(db: Db, codes: Sequence[str]) -> dict[str, UUID]:
    return {row["student_code"]: row["id"] for row in db.dicts(ENROLLED, codes=list(codes))}


def had(db: Db, scans: Sequence[UUID]) -> set[UUID]:
    """Those of them that are stored already."""
    return {row["id"] for row in db.dicts(HAD, ids=list(scans))}


def away(db: Db, student: UUID, asked: AbsenceRequest) -> LeaveOfAbsence | None:
    """None where there is an absence for some of these days already."""
    return db.maybe(LeaveOfAbsence, AWAY, id=ids.uuid7(), student=student, now=clock.now(), **asked.model_dump())


def today(db: Db) -> date:
    found: date = db.value(TODAY, now=clock.now())
    return found


def anomalies(
    db: Db, start: datetime, end: datetime, library: UUID | None, most: int, after: str | None
) -> list[Anomaly]:
    """Newest first, one more than a page."""
    return db.all(Anomaly, ANOMALIES, start=start, end=end, library=library, most=most, after=after)
