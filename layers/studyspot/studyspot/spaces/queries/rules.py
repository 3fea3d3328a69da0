"""Caps of a library, and its own policies beside the organisation's."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.spaces.models.rules import Cap

# The load of a library and of a zone is the seats claimed at this moment; of a shift the memberships that run.
CAPS = """
    WITH load AS MATERIALIZED (
        SELECT s.zone_id, count(DISTINCT o.source_id) AS load FROM seats s JOIN seat_occupancy o ON o.seat_id = s.id
        WHERE s.library_id = %(library)s AND o.kind <> 'block' AND o.starts_at <= %(now)s AND o.ends_at > %(now)s
        GROUP BY s.zone_id)
    SELECT l.total_seats AS seats,
        jsonb_build_object('id', l.id, 'name', l.name, 'capacity', l.capacity,
                           'load', (SELECT coalesce(sum(n.load), 0) FROM load n)) AS library,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('id', z.id, 'name', z.name, 'capacity', z.capacity,
            'load', coalesce(n.load, 0)) ORDER BY z.name), '[]')
         FROM zones z LEFT JOIN load n ON n.zone_id = z.id WHERE z.library_id = l.id) AS zones,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('id', h.id, 'name', h.name, 'capacity', h.capacity, 'load', (
            SELECT count(*) FROM memberships m WHERE m.shift_id = h.id
                AND m.status IN ('active','grace','frozen'))) ORDER BY h.name), '[]')
         FROM shifts h WHERE h.library_id = l.id AND h.status = 'active') AS shifts
    FROM libraries l WHERE l.id = %(library)s"""

SETTINGS = """
    SELECT t.value AS organisation, s.value AS library, coalesce(s.version, 0) AS version, s.changed_at
    FROM libraries l
    LEFT JOIN LATERAL (SELECT value, version, changed_at FROM library_settings
                       WHERE library_id = l.id ORDER BY version DESC LIMIT 1) s ON true
    LEFT JOIN LATERAL (SELECT value FROM tenant_settings
                       WHERE kind = 'policies' ORDER BY version DESC LIMIT 1) t ON true
    WHERE l.id = %(library)s"""


class Sources(Model):
    """What the organisation set, and what the library."""

    organisation: dict[str, Any] | None
    library: dict[str, Any] | None
    version: int
    changed_at: datetime | None


def capacities(db: Db, library: UUID) -> dict[str, Any]:
    """As `Capacities`, without its warnings."""
    found = db.dicts(CAPS, library=library, now=clock.now())
    return found[0] if found else {}


def cap_library(db: Db, library: UUID, capacity: int | None) -> None:
    db.run(
        "UPDATE libraries SET capacity = %(cap)s, updated_at = %(now)s WHERE id = %(library)s",
        library=library, cap=capacity, now=clock.now(),
    )  # fmt: skip


def cap_zones(db: Db, library: UUID, caps: list[Cap]) -> int:
    """How many of them this library has."""
    return _cap(db, "UPDATE zones t SET capacity = g.capacity, updated_at = %(now)s", library, caps)


def cap_shifts(db: Db, library: UUID, caps: list[Cap]) -> int:
    """How many of them this library has."""
    return _cap(db, "UPDATE shifts t SET capacity = g.capacity, updated_at = %(now)s", library, caps)


def _cap(db: Db, update: str, library: UUID, caps: list[Cap]) -> int:
    return db.run(
        f"""{update} FROM jsonb_to_recordset(%(caps)s::jsonb) AS g (id uuid, capacity integer)
            WHERE t.id = g.id AND t.library_id = %(library)s""",
        library=library,
        caps=json.dumps([one.model_dump(mode="json") for one in caps]),
        now=clock.now(),
    )


def settings(db: Db, library: UUID) -> Sources:
    return db.one(Sources, SETTINGS, library=library)


def add_settings(db: Db, library: UUID, version: int, value: dict[str, Any]) -> bool:
    """False when somebody else wrote that version first. The key decides."""
    return (
        db.run(
            """INSERT INTO library_settings (library_id, version, value, changed_by, changed_at)
               VALUES (%(library)s, %(version)s, %(value)s::jsonb, %(by)s, %(now)s)
               ON CONFLICT (tenant_id, library_id, version) DO NOTHING""",
            library=library,
            version=version,
            value=json.dumps(value),
            by=db.actor.id if db.actor else None,
            now=clock.now(),
        )
        == 1
    )
