"""What an operator asks of a rollout: begin one for all cells or for one tenant's, look at it, see who has what."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import audit, outbox
from studyspot.kit.db import Db
from studyspot.kit.errors import StateConflict
from studyspot.kit.ids import PLATFORM
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.rollouts import queries
from studyspot.rollouts.models import NewWave, TenantSchema, Wave, WaveInProgress

MACHINE = "schema_wave"


def begin(core: Db, asked: NewWave) -> Wave:
    """All cells, batch after batch; a failure stops what comes after it."""
    with core.transaction():
        wave = _new(core)
        queries.enlist(core, wave, asked.canary, asked.batch_size)
        return _start(core, wave, {"canary": [str(one) for one in asked.canary], "batchSize": asked.batch_size})


def begin_one(core: Db, tenant: UUID) -> Wave:
    """The cell of one tenant alone."""
    with core.transaction():
        wave = _new(core)
        if not queries.enlist_cell_of(core, wave, tenant):
            raise StateConflict("the organisation has no cell")
        return _start(core, wave, {"tenant": str(tenant)})


def _new(core: Db) -> UUID:
    wave = queries.begin(core)
    if wave is None:
        raise WaveInProgress
    return wave


def _start(core: Db, wave: UUID, about: dict[str, object]) -> Wave:
    outbox.start(core, MACHINE, PLATFORM, "begin", period=wave.hex[-12:], waveId=wave)
    audit.note(core, "tenants.migrate", "schema_waves", wave, after=about)
    return queries.wave(core, wave)


def read(core: Db) -> Wave:
    """The newest one."""
    return queries.newest(core)


def tenants(core: Db, paging: Paging) -> Page[TenantSchema]:
    """Who has which migrations."""
    return paging.page(queries.tenants(core, paging))
