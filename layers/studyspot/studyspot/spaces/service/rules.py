"""How many a library takes, and what it decides otherwise than its organisation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic.alias_generators import to_camel

from studyspot.kit import audit, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound, VersionConflict
from studyspot.kit.response import etag_of
from studyspot.libraries import service as libraries
from studyspot.policies.models import known
from studyspot.spaces.models.rules import (
    Capacities,
    CapacityAboveSeats,
    CapacityChange,
    Origin,
    Settings,
    SettingsChange,
    SettingsInForce,
)
from studyspot.spaces.queries import rules as queries


def set_capacity(db: Db, actor: Actor, library: UUID, asked: CapacityChange) -> Capacities:
    """A cap below what is taken already is accepted, with a warning: nobody leaves for it, and nothing more is sold."""
    actor.at(library)
    with db.transaction():
        found = libraries.open_library(db, library, to_change=True)
        if asked.capacity is not None and asked.capacity > found.total_seats:
            raise CapacityAboveSeats(seats=found.total_seats)
        if "capacity" in asked.model_fields_set:
            queries.cap_library(db, library, asked.capacity)
        if queries.cap_zones(db, library, asked.zones) < len({one.id for one in asked.zones}):
            raise NotFound("this library has no such zone")
        if queries.cap_shifts(db, library, asked.shifts) < len({one.id for one in asked.shifts}):
            raise NotFound("this library has no such shift")
        audit.note(db, "libraries.capacity", "libraries", library, after=asked.model_dump(exclude_unset=True))
        return _capacities(queries.capacities(db, library))


def _capacities(found: dict[str, Any]) -> Capacities:
    return Capacities(
        seats=found["seats"],
        library=_warned(found["library"]),
        zones=[_warned(one) for one in found["zones"]],
        shifts=[_warned(one) for one in found["shifts"]],
    )


def _warned(one: dict[str, Any]) -> Any:
    over = one["capacity"] is not None and one["load"] > one["capacity"]
    return {**one, "warning": "capacity_below_load" if over else None}


def settings(db: Db, actor: Actor, library: UUID) -> SettingsInForce:
    """What holds, and by whose word."""
    actor.at(library)
    return _in_force(queries.settings(db, library))


def change_settings(
    db: Db, actor: Actor, library: UUID, asked: SettingsChange, if_match: str | None
) -> SettingsInForce:
    """Set the fields that were sent. What was decided under the old rules keeps them."""
    actor.at(library)
    with db.transaction():
        libraries.open_library(db, library)
        found = queries.settings(db, library)
        before = _in_force(found)
        if if_match and if_match != etag_of(before):
            raise VersionConflict
        was = found.library or {}
        is_now = _merged(was, asked.model_dump(mode="json", exclude_unset=True))
        if is_now == was:
            return before
        if not queries.add_settings(db, library, found.version + 1, is_now):
            raise VersionConflict
        after = _in_force(queries.settings(db, library))
        if after.booking.min_minutes > after.booking.max_minutes:
            raise Invalid.field("booking.minMinutes", "is above maxMinutes")
        audit.note(db, "libraries.settings", "libraries", library, before=was, after=is_now)
        outbox.emit(db, "library.settings_changed", library, {"version": after.version})
    return after


def _merged(was: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    together = {name: {**was.get(name, {}), **(value or {})} for name, value in sent.items() if value is not None}
    return {name: value for name, value in was.items() if name not in sent} | together


def _in_force(found: queries.Sources) -> SettingsInForce:
    """The library's over the organisation's over the product's."""
    own, above = known(Settings, found.library or {}), known(Settings, found.organisation or {})
    merged = {name: above.get(name, {}) | own.get(name, {}) for name in Settings.model_fields}
    return SettingsInForce(**merged, version=found.version, changed_at=found.changed_at, origins=_origins(own, above))


def _origins(own: dict[str, Any], above: dict[str, Any]) -> dict[str, Origin]:
    told: dict[str, Origin] = {}
    for section, default in Settings().__dict__.items():
        for name in type(default).model_fields:
            origin: Origin = "organisation" if name in above.get(section, {}) else "product"
            told[f"{section}.{to_camel(name)}"] = "library" if name in own.get(section, {}) else origin
    return told
