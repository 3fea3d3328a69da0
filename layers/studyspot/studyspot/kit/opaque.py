"""Opaque tokens that find their way home: tenant, subject and secret, sealed by the stage's key, known to us by hash.

A token tells whoever holds the key where its row is and what it is about, before any database is asked.
"""

from __future__ import annotations

import base64
import os
from uuid import UUID

from studyspot.kit.crypto import keyed_hash, same

SECRET_BYTES = 32
ID_BYTES = 16


def mint(purpose: str, home: UUID, subject: UUID | None = None) -> str:
    """A new token whose rows are in `home`'s cell."""
    return _sealed(purpose, home.bytes + (subject.bytes if subject else b"") + os.urandom(SECRET_BYTES))


def successor(purpose: str, token: str) -> str:
    """The token that follows: a keyed hash of this one, so the same token always has the same successor."""
    body = _opened(purpose, token)
    if body is None:
        raise ValueError("only a genuine token has a successor")
    return _sealed(purpose, body[:-SECRET_BYTES] + bytes.fromhex(keyed_hash(f"{purpose}-successor", token)))


def home(purpose: str, token: str) -> UUID | None:
    """The tenant whose cell knows this token; None when it is not one of ours."""
    body = _opened(purpose, token)
    return UUID(bytes=body[:ID_BYTES]) if body else None


def subject(purpose: str, token: str) -> UUID | None:
    """What the token is about; None when it is not one of ours, or was minted about nothing."""
    body = _opened(purpose, token) or b""
    named = body[ID_BYTES:-SECRET_BYTES]
    return UUID(bytes=named) if named else None


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
