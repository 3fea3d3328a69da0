"""The steps of a wave: one batch at a time, each cell recorded, so that a killed wave goes on where it was."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from studyspot.kit import cells, log
from studyspot.rollouts import queries
from studyspot.rollouts.models import CellToMigrate
from studyspot.schema import placement

SIDE_BY_SIDE = 4


def migrate_next_batch(wave_id: UUID) -> str:
    """Answers `more`, or how the wave ended. A cell that has everything is done at once, so a repeat costs little."""
    with cells.core_db() as core:
        batch = queries.next_batch(core, wave_id)
    if not batch:
        with cells.core_db() as core:
            queries.end(core, wave_id, "done")
            return queries.wave(core, wave_id).state
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        outcomes = list(pool.map(_migrated, batch))
    with cells.core_db() as core, core.transaction():
        for cell, (applied, failure) in zip(batch, outcomes, strict=True):
            queries.note(core, wave_id, cell.cell_id, applied, failure)
        failed = [f"{cell.dbname}: {failure}" for cell, (_, failure) in zip(batch, outcomes, strict=True) if failure]
        if failed:
            queries.end(core, wave_id, "stopped", "; ".join(failed)[:1000])
    return "stopped" if failed else "more"


def _migrated(cell: CellToMigrate) -> tuple[int | None, str | None]:
    try:
        placement.look_at(cell.cell_id, cell.host, cell.port, cell.dbname)  # drift is noted even if it stops the next
        applied = placement.migrate_cell(cell.host, cell.port, cell.dbname)
        placement.look_at(cell.cell_id, cell.host, cell.port, cell.dbname)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this cell's, and it stops the wave
        log.error("cell_not_migrated", cell=cell.dbname, error=repr(error))
        return None, type(error).__name__
    return applied, None


def close(outbox_id: UUID) -> None:
    """The command has had its effect."""
    with cells.core_db() as core:
        queries.settle_command(core, outbox_id)
