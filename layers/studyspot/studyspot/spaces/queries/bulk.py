"""Many seats changed by one statement."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.spaces.models import Affected
from studyspot.spaces.models.bulk import BulkSeats
from studyspot.spaces.queries import NAME

# The seats stay locked in one order until the end, so two who edit go one after the other.
FITTING = """
    SELECT s.id FROM seats s WHERE s.library_id = %(library)s AND s.status <> 'retired'
      AND (%(seat_ids)s::uuid[] IS NULL OR s.id = ANY (%(seat_ids)s::uuid[]))
      AND (%(of_zone)s::uuid IS NULL OR s.zone_id = %(of_zone)s::uuid)
      AND (%(of_kind)s::text IS NULL OR s.kind = %(of_kind)s::text)
      AND (%(of_class)s::text IS NULL OR s.price_class = %(of_class)s::text)
      AND (%(attribute)s::text IS NULL OR %(attribute)s::text = ANY (s.attributes))
    ORDER BY s.id FOR NO KEY UPDATE"""

# What would be the same afterwards is not touched.
CHANGE = """
    WITH wanted AS (
        SELECT s.id, coalesce(%(zone)s::uuid, s.zone_id) AS zone_id, coalesce(%(kind)s::text, s.kind) AS kind,
               coalesce(%(price_class)s::text, s.price_class) AS price_class,
               coalesce(%(attributes)s::text[], ARRAY(
                   SELECT a FROM unnest(s.attributes) WITH ORDINALITY AS o (a, n)
                       WHERE a <> ALL (%(remove)s::text[]) AND a <> ALL (%(add)s::text[])
                   UNION ALL SELECT a FROM unnest(%(add)s::text[]) AS a)) AS attributes
        FROM seats s WHERE s.id = ANY (%(ids)s::uuid[]))
    UPDATE seats s SET zone_id = w.zone_id, kind = w.kind, price_class = w.price_class, attributes = w.attributes,
           updated_at = %(now)s
    FROM wanted w WHERE s.id = w.id
      AND (s.zone_id, s.kind, s.price_class, s.attributes)
          IS DISTINCT FROM (w.zone_id, w.kind, w.price_class, w.attributes)
    RETURNING s.id, s.code"""

HELD = f"""
    SELECT o.kind, o.source_id AS id, st.id AS student_id, {NAME}, s.code AS seat_code, lower(o.during) AS start_at,
           upper(o.during) AS end_at, b.status, coalesce(b.amount_paise, 0) AS amount_paise
    FROM seats s JOIN seat_occupancy o ON o.seat_id = s.id AND o.kind <> 'block' AND o.ends_at > %(now)s
    LEFT JOIN bookings b ON b.id = o.source_id LEFT JOIN seat_allotments a ON a.id = o.source_id
    LEFT JOIN memberships m ON m.id = a.membership_id
    LEFT JOIN students st ON st.id = coalesce(b.student_id, m.student_id)
    WHERE s.id = ANY (%(ids)s::uuid[]) AND (o.lapses_at IS NULL OR o.lapses_at > %(now)s)
    ORDER BY s.code, o.starts_at LIMIT 1000"""


class Changed(Model):
    """A seat that is another one than before."""

    id: UUID
    code: str


def fitting(db: Db, library: UUID, asked: BulkSeats) -> list[UUID]:
    """The seats that fit, locked."""
    which = asked.filter
    given: dict[str, Any] = {"of_zone": which.zone_id, "of_kind": which.kind, "of_class": which.price_class}
    found = db.dicts(FITTING, library=library, seat_ids=which.seat_ids, attribute=which.attribute, **given)
    return [row["id"] for row in found]


def change(db: Db, asked: BulkSeats, ids: list[UUID]) -> list[Changed]:
    """Those that are different afterwards."""
    edit = asked.change
    return db.all(
        Changed,
        CHANGE,
        ids=ids,
        zone=edit.zone_id,
        kind=edit.kind,
        price_class=edit.price_class,
        attributes=edit.attributes,
        add=edit.add_attributes,
        remove=edit.remove_attributes,
        now=clock.now(),
    )


def held(db: Db, ids: list[UUID]) -> list[Affected]:
    """Who has time on these seats, now or later."""
    return db.all(Affected, HELD, ids=ids, now=clock.now())
