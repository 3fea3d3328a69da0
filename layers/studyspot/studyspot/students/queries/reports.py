"""Students added up, and work lists of them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.students.models import Counts, Expiring
from studyspot.students.queries.people import TODAY

NEW = timedelta(days=30)
MOST_KINDS = 50
"""People write their exam as they like: the most frequent ones are told."""


def _by(column: str) -> str:
    return f"""
           coalesce((SELECT jsonb_object_agg(k, n) FROM (
               SELECT {column} AS k, count(*) AS n FROM s GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_KINDS}) x),
               '{{}}')"""


# A day that passes needs no job: whose membership has ended is expired, whatever is stored.
COUNTS = f"""
    WITH s AS MATERIALIZED (
        SELECT CASE WHEN s.status = 'active' AND s.membership_end <= {TODAY} THEN 'expired' ELSE s.status END AS status,
               coalesce(s.gender, 'unknown') AS gender, coalesce(nullif(trim(s.exam_target), ''), 'unknown') AS target,
               CASE WHEN s.user_id = s.id THEN 'self'
                    WHEN EXISTS (SELECT FROM jobs j WHERE j.kind = 'student_import'
                                 AND s.id BETWEEN j.first_id AND j.last_id) THEN 'import'
                    ELSE 'desk' END AS source,
               s.created_at
        FROM students s
        WHERE s.status <> 'archived' AND (%(library)s::uuid IS NULL OR s.library_id = %(library)s))
    SELECT count(*) AS total, count(*) FILTER (WHERE created_at > %(since)s) AS new,
           count(*) FILTER (WHERE status = 'active') AS active, count(*) FILTER (WHERE status = 'expired') AS expired,
           count(*) FILTER (WHERE status = 'suspended') AS suspended, {_by("status")} AS by_status,
           {_by("gender")} AS by_gender, {_by("target")} AS by_exam_target, {_by("source")} AS by_source
    FROM s"""

EXPIRING = f"""
    SELECT id AS student_id, student_code, concat_ws(' ', first_name, last_name) AS name, phone, library_id,
           fee_plan_id, membership_end, membership_end - {TODAY} AS days_left, status
    FROM students
    WHERE membership_end BETWEEN {TODAY} - %(past)s::int AND {TODAY} + %(ahead)s::int
      AND status IN ('active', 'expired')
      AND (%(library)s::uuid IS NULL OR library_id = %(library)s)
      AND (%(end)s::date IS NULL OR (membership_end, id) > (%(end)s::date, %(id)s::uuid))
    ORDER BY membership_end, id LIMIT %(fetch)s"""


def counts(db: Db, library: UUID | None) -> Counts:
    now = clock.now()
    return db.one(Counts, COUNTS, library=library, now=now, since=now - NEW)


def expiring(db: Db, paging: Paging, library: UUID | None, ahead: int, past: int) -> list[Expiring]:
    """By the day on which the membership ends."""
    end, last = paging.after or (None, None)
    return db.all(
        Expiring,
        EXPIRING,
        library=library,
        ahead=ahead,
        past=past,
        end=end,
        id=last,
        fetch=paging.fetch,
        now=clock.now(),
    )
