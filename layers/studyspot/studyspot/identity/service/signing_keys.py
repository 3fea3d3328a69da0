"""Rotation of the signing key: the next one is published, signs a day later, and nobody is signed out."""

from __future__ import annotations

from datetime import datetime, timedelta

from studyspot.identity.models.signing_keys import KeysFixed, RotationPending, SigningKeyView
from studyspot.identity.queries import signing_keys as queries
from studyspot.kit import audit, clock, keyring, settings
from studyspot.kit.db import Db


def rotate(core: Db) -> list[SigningKeyView]:
    """Publishes the next key; the current one signs until that begins, and verifies for a day after."""
    with core.transaction():
        queries.one_at_a_time(core)
        ring = keyring.reread()
        if pending := ring.next():
            raise RotationPending(kid=pending.kid, notBefore=pending.not_before)
        changed = ring.with_next()
        try:
            keyring.write(changed)
        except keyring.Fixed:
            raise KeysFixed from None
        shown = _recorded(core, changed)
        audit.note(core, "auth.keys_rotated", "signing_keys", changed.keys[-1].kid)
    return shown


def rotate_when_old(core: Db) -> bool:
    """Once a day: has the signing key served its time? Answers whether a next one was published."""
    with core.transaction():
        queries.one_at_a_time(core)
        ring = keyring.reread()
        began = next(key.not_before for key in _recorded(core, ring) if key.status == "current")
    core.commit()
    if not keyring.changeable() or ring.next() or clock.now() - began < timedelta(days=settings.get().signing_key_days):
        return False
    rotate(core)
    return True


def _recorded(core: Db, ring: keyring.Ring) -> list[SigningKeyView]:
    """The ring is the truth; core keeps the public part of it, also of keys that are gone."""
    shown = [_record(core, ring, key) for key in ring.keys]
    queries.retire_all_but(core, [key.kid for key in shown])
    return shown


def _record(core: Db, ring: keyring.Ring, key: keyring.SigningKey) -> SigningKeyView:
    status = ring.status(key)
    began: datetime = queries.record(core, key.kid, key.public(), status, key.not_before, key.not_after)
    return SigningKeyView(kid=key.kid, alg=keyring.ALGORITHM, status=status, not_before=began, not_after=key.not_after)
