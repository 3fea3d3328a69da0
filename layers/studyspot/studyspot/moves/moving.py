"""The steps of a move: each may run again, and dying between any two leaves the tenant open in one cell or in none
for a moment, never in two."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from studyspot.kit import cells, clock, outbox, timers
from studyspot.moves import queries
from studyspot.moves.models import Cell, MoveAbandoned, MoveVerificationFailed, Route, TableCount
from studyspot.moves.service import MACHINE
from studyspot.schema import copies, placement
from studyspot.schema.rows import Tally

KEPT = timedelta(days=7)


def prepare(move_id: UUID) -> str:
    """The other cell is chosen, there, and both have every migration. Answers how far the move is."""
    move = _route(move_id)
    with copies.alone(move.tenant_id):
        move = _route(move_id)
        if move.state != "waiting":
            return move.state
        target = _target(move)
        with cells.core_db() as core:
            queries.aim(core, move_id, target)
        for cell in (_known(move.from_cell), target):
            at = _place(cell)
            placement.migrate_cell(at.host, at.port, at.dbname)
    return "waiting"


def _target(move: Route) -> UUID:
    if move.to == "silo":
        return placement.create_silo(move.tenant_id)
    if move.to_cell:
        return move.to_cell
    with cells.core_db() as core:
        chosen = queries.emptiest_pool(core, but=move.from_cell)
    if chosen is None:
        raise MoveAbandoned("there is no pool cell")
    return chosen


def transfer(move_id: UUID) -> None:
    """Copied, compared, closed here. Found closed already, an earlier run came so far and was not heard."""
    move = _route(move_id)
    with copies.alone(move.tenant_id):
        move = _route(move_id)
        if move.state == "copied":
            return
        if move.state != "waiting":
            raise MoveAbandoned(move.state)
        source, target = _dsn(move.from_cell), _dsn(move.to_cell)
        if not copies.is_closed(source, move.tenant_id):
            copies.make_ready(target, move.tenant_id)
            _copy(move, source, target)
        with cells.core_db() as core:
            queries.turn(core, move_id, "waiting", "copied")


def _copy(move: Route, source: str, target: str) -> None:
    paused_at = clock.now()

    def compared(here: dict[str, Tally], there: dict[str, Tally]) -> None:
        tables = [_side_by_side(name, here[name], there[name]) for name in sorted(here)]
        with cells.core_db() as core:
            queries.note_comparison(core, move.id, tables, paused_at)
        if here != there:
            raise MoveVerificationFailed

    copies.transfer(source, target, move.tenant_id, compared)


def _side_by_side(name: str, here: Tally, there: Tally) -> TableCount:
    return TableCount(
        table=name, rows=here.rows, checksum=here.checksum, copied_rows=there.rows, copied_checksum=there.checksum
    )


def switch(move_id: UUID, outbox_id: UUID) -> None:
    """The directory turns, the other cell opens, the old copy gets its day to go."""
    move = _route(move_id)
    with copies.alone(move.tenant_id):
        move = _route(move_id)
        if move.state == "copied":
            with cells.core_db() as core:
                queries.redirect(core, move_id)
            copies.open_up(_dsn(move.to_cell), move.tenant_id)
            cells.forget(move.tenant_id)
            _complete(move)
        elif move.state == "waiting":
            raise MoveAbandoned(move.state)
    close(outbox_id)


def _complete(move: Route) -> None:
    keep_until = clock.now() + KEPT
    with cells.core_db() as core, core.transaction():
        if queries.complete(core, move.id, keep_until):
            outbox.emit(core, "tenant.moved", move.tenant_id, {"isolation": move.to})
            period = move.id.hex[-12:]
            timers.wait(core, keep_until, MACHINE, move.tenant_id, "drop", period=period, moveId=move.id)


def give_up(move_id: UUID, failure: dict[str, Any] | None, outbox_id: UUID) -> bool:
    """Nothing has changed: the tenant is open where it was, and what was begun elsewhere is gone. False when the
    directory is about to turn: from there on a move only goes forward."""
    move = _route(move_id)
    with copies.alone(move.tenant_id):
        move = _route(move_id)
        if move.state == "copied":
            return False
        if move.state == "waiting":
            copies.open_up(_dsn(move.from_cell), move.tenant_id)
            _drop(move, move.to_cell)
            if move.to == "silo" and move.to_cell is None:
                placement.drop_silo(move.tenant_id)  # made, and its name in the directory was lost
            with cells.core_db() as core:
                queries.turn(core, move_id, "waiting", "failed", _code(failure))
    close(outbox_id)
    return True


def _code(failure: dict[str, Any] | None) -> str:
    name = (failure or {}).get("Error", "Unknown")
    return MoveVerificationFailed.code if name == "MoveVerificationFailed" else str(name)


def drop_copy(move_id: UUID, outbox_id: UUID) -> None:
    """Seven days are over: the old copy goes, unless the tenant has come back to that cell meanwhile."""
    move = _route(move_id)
    with copies.alone(move.tenant_id):
        move = _route(move_id)
        if move.state == "moved":
            _drop(move, move.from_cell)
            with cells.core_db() as core:
                queries.turn(core, move_id, "moved", "dropped")
    close(outbox_id)


def _drop(move: Route, cell_id: UUID | None) -> None:
    """A copy, and nothing that a tenant lives in: the directory and the cell itself are both asked."""
    if cell_id is None or cell_id == move.current_cell:
        return
    at = _place(cell_id)
    if at.kind == "pool":
        copies.discard(_dsn(cell_id), move.tenant_id)
    elif at.kind == "silo":
        placement.drop_cell(at.dbname)


def close(outbox_id: UUID) -> None:
    """The command has had its effect."""
    with cells.core_db() as core:
        queries.settle_command(core, outbox_id)


def _route(move_id: UUID) -> Route:
    with cells.core_db() as core:
        return queries.route(core, move_id)


def _known(cell_id: UUID | None) -> UUID:
    if cell_id is None:
        raise MoveAbandoned("its cell is gone")
    return cell_id


def _place(cell_id: UUID) -> Cell:
    with cells.core_db() as core:
        return queries.cell(core, cell_id)


def _dsn(cell_id: UUID | None) -> str:
    at = _place(_known(cell_id))
    return placement.at_cell(at.host, at.port, at.dbname)
