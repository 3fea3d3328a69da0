"""Signing in by an API key: `ssk_`, eight letters to know it by, and a sealed token that finds its tenant's cell.

What a key may do is worked out at every use: its scopes, as far as its owner still holds them.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from studyspot.kit import cells, clock, opaque, permissions
from studyspot.kit.auth import Actor, Key
from studyspot.kit.crypto import same
from studyspot.kit.db import Db
from studyspot.kit.errors import TokenExpired, TokenRevoked, Unauthenticated
from studyspot.kit.permissions import NEVER_BY_KEY

MARK = "ssk_"
PURPOSE = "api_key"
LOOKUP = """
    WITH used AS (
        UPDATE api_keys SET last_used_at = %(now)s
        WHERE id = %(id)s AND revoked_at IS NULL AND %(hash)s IN (key_hash, previous_hash)
          AND (last_used_at IS NULL OR last_used_at <= %(now)s - interval '1 minute'))
    SELECT k.id, k.key_hash, k.previous_hash, k.previous_until, k.scopes, k.addresses, k.owner_type, k.expires_at,
           k.revoked_at, u.status AS owner_status, u.permissions AS owner_permissions, u.library_ids,
           r.permissions AS role_permissions
    FROM api_keys k
        LEFT JOIN users u ON u.tenant_id = k.tenant_id AND u.id = k.owner_id
        LEFT JOIN roles r ON r.tenant_id = u.tenant_id AND r.id = u.role_id
    WHERE k.id = %(id)s"""


class Known(BaseModel):
    """A key, and how its owner stands at this moment."""

    id: UUID
    key_hash: str
    previous_hash: str | None
    previous_until: datetime | None
    scopes: list[str]
    addresses: list[str]
    owner_type: str
    expires_at: datetime | None
    revoked_at: datetime | None
    owner_status: str | None
    owner_permissions: list[str] | None
    library_ids: list[UUID] | None
    role_permissions: list[str] | None

    def is_opened_by(self, hashed: str) -> bool:
        """Also by the key before the last rotation, for a day."""
        overlap = self.previous_hash is not None and self.previous_until is not None
        if overlap and self.previous_until > clock.now() and same(hashed, self.previous_hash):  # type: ignore[operator, arg-type]  # overlap says so
            return True
        return same(hashed, self.key_hash)

    def allowed(self) -> frozenset[str]:
        """The scopes that its owner could use as well."""
        if self.owner_type == "library_owner":
            held = set(permissions.of([self.owner_type]))
        elif self.owner_status == "active":
            role = self.role_permissions if self.role_permissions is not None else permissions.of([self.owner_type])
            held = {*role, *(self.owner_permissions or ())}
        else:
            raise TokenRevoked("the owner of this key does not work here any more")
        return frozenset(held.intersection(self.scopes) - NEVER_BY_KEY)


def mint(tenant: UUID, key_id: UUID) -> str:
    """A new key, which nobody but its holder will know."""
    return f"{MARK}{shown(key_id)}_{opaque.mint(PURPOSE, tenant, key_id)}"


def shown(key_id: UUID) -> str:
    """What one knows a key by; the same after a rotation."""
    return key_id.hex[-8:]


def hashed(key: str) -> str:
    """What is kept of it."""
    return opaque.hashed(PURPOSE, key)


def sign_in(key: str) -> Actor:
    """The key as a caller. A text that we never sealed is refused without asking any database."""
    sealed = key.removeprefix(MARK).partition("_")[2]
    tenant, key_id = opaque.home(PURPOSE, sealed), opaque.subject(PURPOSE, sealed)
    if tenant is None or key_id is None or key != f"{MARK}{shown(key_id)}_{sealed}":
        raise Unauthenticated(headers={"WWW-Authenticate": "Bearer"})
    its_hash = hashed(key)

    def ask(db: Db) -> Known | None:
        return db.maybe(Known, LOOKUP, id=key_id, hash=its_hash, now=clock.now())

    known = cells.at_home(tenant, ask)
    if known is None or known.revoked_at or not known.is_opened_by(its_hash):
        raise TokenRevoked("this key was revoked or replaced")
    if known.expires_at and known.expires_at <= clock.now():
        raise TokenExpired("this key has expired")
    return Actor(
        id=known.id,
        user_type="api_key",
        tenant_id=tenant,
        session_id=known.id,
        token_id=known.id.hex,
        email=None,
        roles=(),
        permissions=known.allowed(),
        library_ids=frozenset(known.library_ids) if known.library_ids is not None else None,
        key=Key(tuple(known.addresses)),
    )
