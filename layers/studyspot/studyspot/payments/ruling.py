"""How gateways are chosen is laid down: by an owner for the own organisation, by the platform for everybody else."""

from __future__ import annotations

import json
from typing import Any

from studyspot.kit import audit, cells, clock, outbox
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, StateConflict, VersionConflict
from studyspot.kit.ids import PLATFORM
from studyspot.kit.response import etag_of
from studyspot.kit.signature import parsed
from studyspot.payments import queries
from studyspot.payments.models import Rules, RulesChange, RulesInForce, RulesVersion
from studyspot.payments.queries import RulesRow, Version


def in_force(db: Db) -> RulesInForce:
    """What decides now, what is planned, and every price with its days."""
    return _shown(db, queries.ruling(db))


def lay_down(db: Db, asked: RulesChange, if_match: str | None) -> RulesInForce:
    """The next version, which takes effect now or at a moment to come; what it does not name stays as it is then."""
    for_all = db.tenant == PLATFORM
    with db.transaction():
        known = queries.ruling(db)
        if if_match and if_match != etag_of(_shown(db, known)):
            raise VersionConflict
        if asked.model_fields_set - {"fees"}:
            _next_version(db, known, asked, for_all)
        _add_fees(db, asked, for_all)
    db.commit()
    after = in_force(db)
    if for_all:
        spread()  # nothing is asked of this request's own connection any more: it may go to make room for others
    return after


def spread() -> int:
    """Every cell gets the platform's rules and prices that it does not have: at once, and each night for new cells."""
    with cells.core_db() as core:
        told = queries.originals(core)
    return sum(queries.bring(place, told) for place in cells.places())


def _next_version(db: Db, known: RulesRow, asked: RulesChange, for_all: bool) -> None:
    source = "platform" if for_all else "organisation"
    now = clock.now()
    effective = asked.effective_at or now
    if effective < now:
        raise Invalid.field("effectiveAt", "not in the past: what was decided stands")
    before = known.at(effective, source)
    value = _merged(before.value if before else {}, asked)
    number = max((v.version for v in known.versions if v.source == source), default=0) + 1
    if not queries.add_rules(db, number, effective, value, "routing" if for_all else None):
        raise VersionConflict
    audit.note(db, "routing.rules", "routing_rules", db.tenant, before=before.value if before else None, after=value)
    outbox.emit(db, "tenant.settings_changed", db.tenant, {"kind": "routing", "version": number})


def _merged(was: dict[str, Any], asked: RulesChange) -> dict[str, Any]:
    """What was sent over what was set, null taking it back; complete enough for its mode."""
    sent = json.loads(asked.model_dump_json(by_alias=False, exclude_unset=True, exclude={"effective_at", "fees"}))
    if sent.get("mode", "") is None:
        sent["mode"] = "platform"
    together = {name: value for name, value in (was | sent).items() if value is not None}
    checked = together | ({"mode": "cost"} if together.get("mode") == "platform" else {})
    parsed(Rules, json.dumps(checked).encode())
    return together


def _add_fees(db: Db, asked: RulesChange, for_all: bool) -> None:
    today = clock.now().astimezone(INDIA).date()
    for number, fee in enumerate(asked.fees):
        if fee.valid_from <= today:
            raise Invalid.field(f"fees.{number}.validFrom", "a day to come: what was decided by a price stands")
        if not queries.add_fee(db, fee, for_all):
            raise StateConflict(f"{fee.gateway} has a price from {fee.valid_from} on already")
    if asked.fees:
        told = [fee.model_dump(mode="json") for fee in asked.fees]
        audit.note(db, "routing.fees", "gateway_fees", db.tenant, after={"fees": told})


def _shown(db: Db, known: RulesRow) -> RulesInForce:
    now = clock.now()
    ours = None if db.tenant == PLATFORM else known.at(now, "organisation")
    found = ours if ours and ours.value.get("mode") != "platform" else known.at(now, "platform")
    mine = "platform" if db.tenant == PLATFORM else "organisation"
    planned = [v for v in known.versions if v.source == mine and v.effective_at > now]
    facts = _version(found).model_dump() if found else {}
    if facts.get("mode") == "platform":
        facts["mode"] = "cost"
    return RulesInForce(
        **facts,
        source=found.source if found else "default",
        planned=[_version(v) for v in reversed(planned)],
        fees=known.fees,
    )


def _version(v: Version) -> RulesVersion:
    return RulesVersion(
        **v.value, version=v.version, effective_at=v.effective_at, changed_by=v.changed_by, changed_at=v.changed_at
    )
