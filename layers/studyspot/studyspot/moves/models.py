"""What a move is, what may be asked of it, and what can stand in the way."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from studyspot.kit.errors import Conflict
from studyspot.kit.models import Model, Timestamp

Isolation = Literal["pool", "silo"]
State = Literal["waiting", "copied", "moved", "failed", "dropped"]


class NewMove(Model):
    """Where to: a shared cell, or a database of its own."""

    to: Isolation


class TableCount(Model):
    """What was found of a table on both sides."""

    table: str
    rows: int
    checksum: str
    copied_rows: int
    copied_checksum: str


class Move(Model):
    """One move of one tenant."""

    id: UUID
    tenant_id: UUID
    to: Isolation
    state: State
    from_cell: UUID | None
    to_cell: UUID | None
    takes_back: UUID | None
    """The move that this one undoes, by bringing back the rows as they are now."""
    tables: list[TableCount]
    """Rows and checksums of every table, once they were compared."""
    rows: int
    failure: str | None
    pause_ms: int | None
    """For how long the tenant's writers were refused."""
    keep_until: Timestamp | None
    """Until then the old copy is kept, and the move can be taken back."""
    created_at: Timestamp
    updated_at: Timestamp


class Route(Model):
    """A move as its steps see it: where both cells are."""

    id: UUID
    tenant_id: UUID
    to: Isolation
    state: State
    from_cell: UUID | None
    to_cell: UUID | None
    current_cell: UUID | None
    """Where the directory has the tenant."""


class Cell(Model):
    """Where a cell is, and how many may live in it."""

    host: str
    port: int
    dbname: str
    kind: Literal["core", "pool", "silo"]


class MoveInProgress(Conflict):
    """This organisation is being moved already."""

    code = "move_in_progress"


class AlreadyThere(Conflict):
    """The organisation lives there already."""

    code = "already_there"


class NothingToTakeBack(Conflict):
    """No move of the last seven days can be taken back."""

    code = "nothing_to_take_back"


class MoveVerificationFailed(Conflict):
    """What arrived is not what was sent; nothing has changed."""

    code = "move_verification_failed"


class MoveAbandoned(Exception):
    """The step meets a move that is not waiting for it."""
