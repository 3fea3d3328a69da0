"""The books are verified: every transaction sums to zero, and whatever moved money was posted exactly once."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import cells, connections
from studyspot.kit.cells import places
from studyspot.kit.db import Db
from studyspot.settlements.models import Verified
from studyspot.settlements.queries import books


def of_tenant(db: Db) -> Verified:
    """One organisation's."""
    return Verified(tenant_id=db.tenant, postings=books.postings(db), faults=books.faults(db))


def everybody(tenant: UUID | None = None) -> list[Verified]:
    """Every organisation's, or one's, each cell after the other (worker role)."""
    if tenant:
        with cells.tenant_db(tenant) as db:
            return [of_tenant(db)]
    found = []
    for place in places():
        for each in books.tenants(place):
            db = Db(connections.to(place), each)
            found.append(of_tenant(db))
            db.finish()
    return found
