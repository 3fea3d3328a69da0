"""Signing in by the token of a library's device: `ssd_` and a sealed token that finds its tenant's cell.

What a device may do is not written in its token: what its kind does at its one library, in the hours of the gate.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from studyspot.kit import cells, clock, opaque, permissions
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import DeviceRevoked, Unauthenticated

MARK = "ssd_"
PURPOSE = "device"
KIOSK = "kiosk"
"""The user type of every device; its kind is its role."""
LOOKUP = """
    WITH seen AS (
        UPDATE devices SET last_seen_at = %(now)s
        WHERE id = %(id)s AND token_hash = %(hash)s AND revoked_at IS NULL
          AND (last_seen_at IS NULL OR last_seen_at <= %(now)s - interval '1 minute'))
    SELECT id, library_id, kind, revoked_at FROM devices WHERE id = %(id)s AND token_hash = %(hash)s"""


class Known(BaseModel):
    """A device as its token finds it."""

    id: UUID
    library_id: UUID
    kind: str
    revoked_at: datetime | None


def mint(tenant: UUID, device: UUID) -> str:
    """A token which nobody but the device will know."""
    return MARK + opaque.mint(PURPOSE, tenant, device)


def hashed(token: str) -> str:
    """What is kept of it."""
    return opaque.hashed(PURPOSE, token)


def sign_in(token: str) -> Actor:
    """The device as a caller. A text that we never sealed is refused without asking any database."""
    sealed = token.removeprefix(MARK)
    tenant, device = opaque.home(PURPOSE, sealed), opaque.subject(PURPOSE, sealed)
    if tenant is None or device is None:
        raise Unauthenticated("the device token is not valid")

    def look(db: Db) -> Known | None:
        return db.maybe(Known, LOOKUP, id=device, hash=hashed(token), now=clock.now())

    known = cells.at_home(tenant, look)
    if known is None:
        raise Unauthenticated("the device token is not valid")
    if known.revoked_at:
        raise DeviceRevoked
    return _actor(tenant, known)


def _actor(tenant: UUID, known: Known) -> Actor:
    allowed = permissions.of([known.kind])
    claims = {
        "sub": str(known.id), "userId": str(known.id), "userType": KIOSK, "userTable": "devices",
        "tenantId": str(tenant), "roles": [known.kind], "permissions": allowed, "libraryIds": [str(known.library_id)],
        "sid": str(known.id), "jti": str(known.id), "type": "device",
    }  # fmt: skip
    return Actor.of(claims)
