"""What a wave is, what may be asked of it, and what a cell was last seen to have."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from studyspot.kit.errors import Conflict
from studyspot.kit.models import Model, Timestamp


class NewWave(Model):
    """Whose cells go first, and how many at a time after them."""

    canary: Annotated[list[UUID], Field(max_length=100)] = []
    batch_size: Annotated[int, Field(ge=1, le=500)] = 20


class Wave(Model):
    """How far a rollout is."""

    id: UUID
    state: Literal["running", "done", "stopped"]
    failure: str | None
    batches: int
    cells: int
    done: int
    failed: int
    applied: int
    """Migrations that were missing and are there now, over all cells."""
    created_at: Timestamp
    updated_at: Timestamp


class TenantSchema(Model):
    """Which migrations the cell of a tenant has."""

    id: UUID
    """The tenant."""
    slug: str
    cell_id: UUID | None
    dbname: str | None
    schema_version: int | None
    """The newest migration there; null for a cell nobody has looked at yet."""
    schema_missing: int | None
    schema_changed: list[str] | None
    """Migrations that read differently from what was applied there: drift."""
    schema_seen_at: Timestamp | None


class CellToMigrate(Model):
    """A cell of a wave whose turn it is."""

    cell_id: UUID
    host: str
    port: int
    dbname: str
    batch: int


class WaveInProgress(Conflict):
    """A rollout is running; wait until it is done or has stopped."""

    code = "wave_in_progress"
