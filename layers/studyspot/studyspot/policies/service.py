"""What an owner does with policies and branding, and how others read them."""

from __future__ import annotations

from typing import Any, TypeVar

from studyspot.kit import audit, outbox
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, VersionConflict
from studyspot.kit.models import Change, Page
from studyspot.kit.pages import Paging
from studyspot.kit.response import etag_of
from studyspot.policies import queries
from studyspot.policies.models import (
    BrandingChange,
    BrandingInForce,
    Kind,
    PoliciesChange,
    PoliciesInForce,
    SettingsVersion,
    Versioned,
    known,
)

V = TypeVar("V", bound=Versioned)


def policies(db: Db) -> PoliciesInForce:
    """What holds now."""
    return in_force(db, "policies", PoliciesInForce)


def branding(db: Db) -> BrandingInForce:
    """How the organisation shows itself."""
    return in_force(db, "branding", BrandingInForce)


def history(db: Db, kind: Kind, paging: Paging) -> Page[SettingsVersion]:
    """Every version, newest first: who changed what, when."""
    return paging.page(queries.versions(db, kind, paging), key="version")


def change_policies(db: Db, asked: PoliciesChange, if_match: str | None) -> PoliciesInForce:
    """Set the fields that were sent. What was decided under the old rules keeps them."""
    with db.transaction():
        after = changed(db, "policies", PoliciesInForce, asked, if_match)
        if after.booking.min_minutes > after.booking.max_minutes:
            raise Invalid.field("booking.minMinutes", "is above maxMinutes")
    return after


def change_branding(db: Db, asked: BrandingChange, if_match: str | None) -> BrandingInForce:
    """Set the fields that were sent."""
    with db.transaction():
        return changed(db, "branding", BrandingInForce, asked, if_match)


def in_force(db: Db, kind: Kind, of: type[V]) -> V:
    """The newest version of one kind of settings over its defaults."""
    return _in_force(of, queries.newest(db, kind))


def changed(db: Db, kind: Kind, of: type[V], asked: Change, if_match: str | None) -> V:
    """Its next version, in the caller's transaction; the same as before when nothing is different."""
    found = queries.newest(db, kind)
    before = _in_force(of, found)
    if if_match and if_match != etag_of(before):
        raise VersionConflict
    was = found.value if found else {}
    is_now = _merged(was, asked.model_dump(mode="json", exclude_unset=True))
    if is_now == was:
        return before
    written = queries.add(db, kind, before.version + 1, is_now)
    if written is None:
        raise VersionConflict
    audit.note(db, f"settings.{kind}", "tenants", db.tenant, before=was, after=is_now)
    outbox.emit(db, "tenant.settings_changed", db.tenant, {"kind": kind, "version": written.version})
    return _in_force(of, written)


def _merged(was: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """What was sent over what was set, section by section; `null` takes it back."""
    together = dict(was)
    for name, value in sent.items():
        if value is None:
            together.pop(name, None)
        elif isinstance(value, dict):
            together[name] = together.get(name, {}) | value
        else:
            together[name] = value
    return together


def _in_force(of: type[V], found: SettingsVersion | None) -> V:
    """The defaults with what was set."""
    if found is None:
        return of(version=0, changed_at=None)
    return of(version=found.version, changed_at=found.changed_at, **known(of, found.value))
