"""Figures of law, put in force by two people; and what has to be told about a breach."""

from __future__ import annotations

from datetime import date

from studyspot.kit import audit, cells
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, StateConflict
from studyspot.privacy.models import Breach, BreachAsked, Parameter, ParameterAsked, Proposal
from studyspot.privacy.queries import statutes


def parameters(core: Db, on: date | None, code: str | None) -> list[Parameter]:
    """What is in force on that day."""
    return statutes.in_force(core, on, code)


def put(core: Db, actor: Actor, asked: ParameterAsked) -> Proposal:
    """Who puts it first proposes it; the same put by another person is in force from its day on.

    A day that has come is never given another figure: what was decided by it stands."""
    if asked.valid_from <= statutes.today():
        raise Invalid.field("validFrom", "a day to come: what is in force is never changed")
    with core.transaction():
        done = statutes.confirm(core, asked, actor.id)
        if done:
            if not statutes.enact(core, asked):
                raise StateConflict("that day has a figure already")
        else:
            done = statutes.propose(core, asked, actor.id)
        if done is None:
            raise StateConflict("somebody proposed another value for that day, or it is in force")
        facts = asked.model_dump() | {"status": done.status}
        audit.note(core, f"compliance.{done.status}", "statutory_params", done.code, after=facts)
    return done


def spread(all_of_them: bool = False) -> int:
    """Every cell gets what was confirmed (worker role): the minute what is new, the night all, for new cells."""
    with cells.core_db() as core:
        rows = statutes.unspread(core, all_of_them)
    places = cells.places() if rows else []
    for row in rows:
        for place in places:
            statutes.bring(place, row)
        with cells.core_db() as core:
            statutes.spread(core, row["id"])
    return len(rows)


def breach(core: Db, actor: Actor, asked: BreachAsked) -> Breach:
    """Into the register; what is known later is a further entry."""
    with core.transaction():
        made = statutes.record(core, asked, actor.id)
        facts = {"title": made.title, "dueAt": made.board_due_at, "tenants": len(made.affected_tenants)}
        audit.note(core, "privacy.breach", "privacy_breaches", made.id, after=facts)
    return made
