"""What an operator asks of a move: begin one, look at it, take it back."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import audit, outbox
from studyspot.kit.db import Db
from studyspot.kit.errors import StateConflict
from studyspot.moves import queries
from studyspot.moves.models import AlreadyThere, Isolation, Move, MoveInProgress, NothingToTakeBack
from studyspot.tenants import service as tenants
from studyspot.tenants.models import Tenant

MACHINE = "tenant_move"
MOVABLE = ("active", "past_due", "suspended")


def begin(core: Db, tenant_id: UUID, to: Isolation) -> Move:
    """Into a shared cell or a database of its own; a machine does the rest."""
    with core.transaction():
        tenant = _movable(core, tenant_id)
        if tenant.isolation == to:
            raise AlreadyThere
        return _begin(core, tenant, to)


def take_back(core: Db, tenant_id: UUID) -> Move:
    """Back to the cell it came from, with the rows as they are now: nothing written since is lost."""
    with core.transaction():
        tenant = _movable(core, tenant_id)
        before = queries.kept(core, tenant_id)
        if before is None or before.from_cell is None or before.to != tenant.isolation:
            raise NothingToTakeBack
        return _begin(core, tenant, "pool" if before.to == "silo" else "silo", before)


def read(core: Db, tenant_id: UUID) -> Move:
    """The newest move, with what was counted."""
    return queries.newest(core, tenant_id)


def _movable(core: Db, tenant_id: UUID) -> Tenant:
    tenant = tenants.locked(core, tenant_id)
    if tenant.status not in MOVABLE:
        raise StateConflict(f"the organisation is {tenant.status}")
    return tenant


def _begin(core: Db, tenant: Tenant, to: Isolation, before: Move | None = None) -> Move:
    cell, undone = (before.from_cell, before.id) if before else (None, None)
    move = queries.begin(core, tenant.id, to, to_cell=cell, takes_back=undone)
    if move is None:
        raise MoveInProgress
    outbox.start(core, MACHINE, tenant.id, "begin", period=move.id.hex[-12:], moveId=move.id)
    audit.note(core, "tenants.move", "tenants", tenant.id, before={"isolation": tenant.isolation}, after={"to": to})
    return move
