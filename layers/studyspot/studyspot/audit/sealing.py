"""The minute seals what waits; the night writes every chain's head into the core database (worker role)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from studyspot.audit import queries
from studyspot.kit import cells, connections, log
from studyspot.kit.connections import Place
from studyspot.kit.db import Db
from studyspot.kit.gate import Moved

BATCH = 1000
BATCHES_A_RUN = 20
"""Of one tenant: the others get their turn in the same minute."""


def seal_waiting() -> int:
    """Every tenant's waiting rows; answers how many. A run that dies leaves whole batches, the next one goes on."""
    return sum(_seal(place, tenant) for place in cells.places() for tenant in queries.unsealed(place))


def _seal(place: Place, tenant: UUID) -> int:
    sealed = 0
    for _ in range(BATCHES_A_RUN):
        db = Db(connections.to(place), tenant)
        try:
            with db.transaction():
                taken = queries.seal(db, BATCH)
            db.finish()
        except Moved:
            break  # it is sealed where the tenant is, as soon as it may write
        sealed += taken
        if taken < BATCH:
            break
    return sealed


def anchor_heads(day: date) -> int:
    """The head of each chain on this day, kept where the cell cannot reach it; answers how many were new."""
    kept = 0
    for place in cells.places():
        for tenant in queries.tenants(place):
            head = queries.head(Db(connections.to(place), tenant))
            if head is None:
                continue
            with cells.core_db() as core:
                kept += queries.anchor(core, tenant, day, *head)
    log.info("audit_anchored", day=day, anchors=kept)
    return kept
