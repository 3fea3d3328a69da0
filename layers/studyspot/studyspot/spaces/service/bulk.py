"""Many seats changed at once, looked at first; and what hangs at a seat for people to scan."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import audit
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid
from studyspot.libraries import service as libraries
from studyspot.spaces.models import Impact
from studyspot.spaces.models.bulk import BulkSeats, SeatsChanged, SeatsMoved
from studyspot.spaces.queries import bulk as queries
from studyspot.spaces.service import facts

TOLD = 100


def to_many(db: Db, actor: Actor, library: UUID, asked: BulkSeats) -> SeatsChanged:
    """All of them or none. Nobody's time is touched: a seat keeps whoever has it, and they are told of first."""
    actor.at(library)
    with db.transaction():
        libraries.open_library(db, library)
        if asked.change.zone_id and not libraries.has_zone(db, library, asked.change.zone_id):
            raise Invalid.field("change.zoneId", "this library has no such zone")
        fitting = queries.fitting(db, library, asked)
        if asked.expected is not None and asked.expected != len(fitting):
            raise SeatsMoved(count=len(fitting))
        changed = queries.change(db, asked, fitting)
        impact = Impact.of(queries.held(db, [one.id for one in changed]))
        codes = sorted(one.code for one in changed)
        told = {"change": asked.change.model_dump(mode="json", exclude_unset=True), "codes": codes}
        audit.note(db, "seats.bulk", "libraries", library, after=told | {"impact": facts(impact)})
    if asked.expected is None:
        db.rollback()
    return SeatsChanged(
        preview=asked.expected is None, count=len(fitting), changed=len(changed), codes=codes[:TOLD], impact=impact
    )
