"""Figures of law by date, what was proposed, and the register of breaches."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import UUID

from studyspot.kit import cells, clock, ids
from studyspot.kit.connections import Place
from studyspot.kit.db import Db
from studyspot.privacy.models import Breach, BreachAsked, Parameter, ParameterAsked, Proposal

IN_FORCE = """
    SELECT DISTINCT ON (code) code, valid_from, value, source FROM statutory_params
    WHERE valid_from <= coalesce(%(on)s::date, (%(now)s AT TIME ZONE 'Asia/Kolkata')::date)
      AND (%(code)s::text IS NULL OR code = %(code)s::text)
    ORDER BY code, valid_from DESC"""
PROPOSAL = """
    id, code, valid_from, value, source, CASE WHEN confirmed_at IS NULL THEN 'proposed' ELSE 'confirmed' END AS status,
    proposed_by, confirmed_by"""
PROPOSE = f"""
    INSERT INTO statutory_proposals AS p (id, code, valid_from, value, source, proposed_by, proposed_at)
    VALUES (%(id)s, %(code)s, %(valid_from)s, %(value)s::jsonb, %(source)s, %(by)s, %(now)s)
    ON CONFLICT (code, valid_from) DO UPDATE SET value = EXCLUDED.value, source = EXCLUDED.source
        WHERE p.confirmed_at IS NULL AND p.proposed_by = EXCLUDED.proposed_by
    RETURNING {PROPOSAL}"""
CONFIRM = f"""
    UPDATE statutory_proposals SET confirmed_by = %(by)s, confirmed_at = %(now)s
    WHERE code = %(code)s AND valid_from = %(valid_from)s AND value = %(value)s::jsonb AND source = %(source)s
      AND proposed_by <> %(by)s AND confirmed_at IS NULL
    RETURNING {PROPOSAL}"""
ENACT = """
    INSERT INTO statutory_params (code, valid_from, value, source)
    VALUES (%(code)s, %(valid_from)s, %(value)s::jsonb, %(source)s) ON CONFLICT (code, valid_from) DO NOTHING"""
UNSPREAD = """
    SELECT id, code, valid_from, value, source FROM statutory_proposals
    WHERE confirmed_at IS NOT NULL AND (%(all)s OR spread_at IS NULL) ORDER BY id"""
SPREAD = "UPDATE statutory_proposals SET spread_at = %(now)s WHERE id = %(id)s"
BREACH = """
    id, title, description, categories, affected_tenants, people_count, discovered_at, board_due_at, board_told_at,
    people_told_at, created_at"""
RECORD = f"""
    INSERT INTO privacy_breaches (id, title, description, categories, affected_tenants, people_count, discovered_at,
                                  board_due_at, board_told_at, people_told_at, recorded_by, created_at)
    SELECT %(id)s, %(title)s, %(description)s, %(categories)s, %(affected_tenants)s, %(people_count)s,
           %(discovered_at)s, %(discovered_at)s + make_interval(hours => (p.value #>> '{{}}')::integer),
           %(board_told_at)s, %(people_told_at)s, %(by)s, %(now)s
    FROM (SELECT value FROM statutory_params WHERE code = 'breach_report_hours'
          AND valid_from <= (%(now)s AT TIME ZONE 'Asia/Kolkata')::date ORDER BY valid_from DESC LIMIT 1) p
    RETURNING {BREACH}"""


def in_force(core: Db, on: date | None, code: str | None) -> list[Parameter]:
    """Each figure as it stands on that day, today by default."""
    return core.all(Parameter, IN_FORCE, on=on, code=code, now=clock.now())


def today() -> date:
    """In India, whose law it is."""
    return clock.now().astimezone(clock.INDIA).date()


def propose(core: Db, asked: ParameterAsked, by: UUID) -> Proposal | None:
    """New, or changed by who proposed it; None when it is somebody else's or confirmed."""
    return core.maybe(Proposal, PROPOSE, id=ids.uuid7(), by=by, now=clock.now(), **_facts(asked))


def confirm(core: Db, asked: ParameterAsked, by: UUID) -> Proposal | None:
    """By another person than who proposed exactly this; None when nobody did."""
    return core.maybe(Proposal, CONFIRM, by=by, now=clock.now(), **_facts(asked))


def enact(core: Db, asked: ParameterAsked) -> bool:
    """Into the core's own copy; the cells get theirs from the minute. False: that day has its figure already."""
    return core.run(ENACT, **_facts(asked)) == 1


def unspread(core: Db, all_of_them: bool) -> list[dict[str, Any]]:
    """Confirmed and not in every cell yet; or all, for cells that were made since."""
    return core.dicts(UNSPREAD, all=all_of_them)


def bring(place: Place, row: dict[str, Any]) -> None:
    """Into one cell; safe to repeat (worker role)."""
    cells.across(place, f"{ENACT} RETURNING code", **(row | {"value": json.dumps(row["value"])}))


def spread(core: Db, proposal_id: UUID) -> None:
    core.run(SPREAD, id=proposal_id, now=clock.now())


def record(core: Db, asked: BreachAsked, by: UUID) -> Breach:
    """Into the register, with the hour by which the Board has to know."""
    return core.one(Breach, RECORD, id=ids.uuid7(), by=by, now=clock.now(), **asked.model_dump())


def _facts(asked: ParameterAsked) -> dict[str, Any]:
    return asked.model_dump() | {"value": json.dumps(asked.value)}
