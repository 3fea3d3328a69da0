"""Making, rotating and ending API keys."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from studyspot.keys import queries
from studyspot.keys.models import ApiKey, KeyRequest, NewKey, ScopeExceeds, TooManyKeys
from studyspot.kit import audit, clock, ids
from studyspot.kit import keys as kernel
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Forbidden, Invalid, NotFound
from studyspot.kit.permissions import NEVER_BY_KEY

OVERLAP = timedelta(hours=24)
MOST = 50


def make(db: Db, actor: Actor, asked: KeyRequest) -> NewKey:
    """The key is in this answer and in no other."""
    if actor.tenant_id != db.tenant:
        raise Forbidden("only who belongs to an organisation makes its keys")
    _must_hold(actor, asked.scopes)
    if asked.expires_at is not None and asked.expires_at <= clock.now():
        raise Invalid.field("expiresAt", "a moment in the future")
    key_id = ids.uuid7()
    key = kernel.mint(db.tenant, key_id)
    facts = asked.model_dump() | {"scopes": sorted(set(asked.scopes))}
    with db.transaction():
        if queries.count(db) >= MOST:
            raise TooManyKeys
        kept = {"prefix": kernel.shown(key_id), "key_hash": kernel.hashed(key)}
        made = queries.add(db, key_id, **facts, **kept, owner_id=actor.id, owner_type=actor.user_type)
        _note(db, "make", made)
    return NewKey(**made.model_dump(), key=key)


def rotate(db: Db, actor: Actor, key_id: UUID) -> NewKey:
    """Another key in its place; the one before works for a day more, so that nothing stops meanwhile."""
    key = kernel.mint(db.tenant, key_id)
    with db.transaction():
        _must_hold(actor, _theirs(db, actor, key_id).scopes)
        made = queries.replace(db, key_id, kernel.hashed(key), clock.now() + OVERLAP)
        _note(db, "rotate", made)
    return NewKey(**made.model_dump(), key=key)


def revoke(db: Db, actor: Actor, key_id: UUID) -> None:
    """From the next request on it is refused, the one before it too."""
    with db.transaction():
        gone = _theirs(db, actor, key_id)
        queries.revoke(db, key_id)
        _note(db, "revoke", gone)


def end_all_of(db: Db, owner_id: UUID) -> list[ApiKey]:
    """Every key of a person who left, in the caller's transaction; answers which they were."""
    ended = queries.revoke_all_of(db, owner_id)
    if ended:
        audit.note(db, "api_keys.end_all", "users", owner_id, after={"ended": [key.prefix for key in ended]})
    return ended


def _theirs(db: Db, actor: Actor, key_id: UUID) -> ApiKey:
    """A key reaches as far as its owner: whoever is bound to libraries has a hand in their own alone."""
    found = queries.locked(db, key_id)
    if actor.library_ids is not None and found.owner_id != actor.id:
        raise NotFound
    return found


def _must_hold(actor: Actor, scopes: Collection[str]) -> None:
    beyond = sorted(set(scopes) - (actor.permissions - NEVER_BY_KEY))
    if beyond:
        raise ScopeExceeds(f"not yours to give: {', '.join(beyond[:10])}")


def _note(db: Db, what: str, key: ApiKey) -> None:
    about = key.model_dump(mode="json", include={"name", "scopes", "addresses", "owner_id", "expires_at"})
    audit.note(db, f"api_keys.{what}", "api_keys", key.id, after=about)
