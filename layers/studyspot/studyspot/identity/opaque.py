"""Opaque tokens that find their way home: tenant and secret, sealed by the stage's key, known to us by hash only."""

from __future__ import annotations

import base64
import os
from uuid import UUID

from studyspot.kit.crypto import keyed_hash, same

SECRET_BYTES = 32


def mint(purpose: str, home: UUID) -> str:
    """A new token whose rows are in `home`'s cell."""
    return _sealed(purpose, home.bytes + os.urandom(SECRET_BYTES))


def successor(purpose: str, token: str) -> str:
    """The token that follows: a keyed hash of this one, so the same token always has the same successor."""
    body = _opened(purpose, token)
    if body is None:
        raise ValueError("only a genuine token has a successor")
    return _sealed(purpose, body[:16] + bytes.fromhex(keyed_hash(f"{purpose}-successor", token)))


def home(purpose: str, token: str) -> UUID | None:
    """The tenant whose cell knows this token; None when it is not one of ours."""
    body = _opened(purpose, token)
    return UUID(bytes=body[:16]) if body else None


def hashed(purpose: str, token: str) -> str:
    """What is stored of a token."""
    return keyed_hash(f"{purpose}-stored", token)


def _sealed(purpose: str, body: bytes) -> str:
    text = base64.urlsafe_b64encode(body).decode()
    return f"{text}.{keyed_hash(purpose, text)[:32]}"


def _opened(purpose: str, token: str) -> bytes | None:
    text, _, mac = token.partition(".")
    if not text.isascii() or not same(mac, keyed_hash(purpose, text)[:32]):
        return None
    return base64.urlsafe_b64decode(text)
