"""Keyed hashes for codes, cursors and look-ups; nothing secret is stored in the clear."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from typing import TYPE_CHECKING

from studyspot.kit import settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def keyed_hash(purpose: str, text: str) -> str:
    """HMAC-SHA256 under the stage's key, hexadecimal; `purpose` keeps one use from answering for another."""
    key = settings.get().hmac_key.get_secret_value().encode()
    return hmac.new(key, f"{purpose}\x00{text}".encode(), hashlib.sha256).hexdigest()


def same(a: str, b: str) -> bool:
    """Constant-time comparison that survives any text a client may send."""
    return hmac.compare_digest(a.encode("utf-8", "surrogatepass"), b.encode("utf-8", "surrogatepass"))


def sealed(purpose: str, text: str) -> str:
    """Readable by anyone, changeable by nobody: base64url(text) and its keyed hash."""
    body = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return f"{body}.{keyed_hash(purpose, text)[:32]}"


def unsealed(purpose: str, token: str) -> str | None:
    """What was sealed, or None when anything was changed."""
    body, _, mac = token.partition(".")
    try:
        text = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        return None
    return text if same(mac, keyed_hash(purpose, text)[:32]) else None


def encrypted(purpose: str, text: str, bound_to: bytes) -> str:
    """AES-256-GCM under a key of the stage's for this purpose; opens only together with what it is bound to."""
    nonce = os.urandom(12)
    return base64.b64encode(nonce + _cipher(purpose).encrypt(nonce, text.encode(), bound_to)).decode()


def decrypted(purpose: str, told: str, bound_to: bytes) -> str:
    """What was encrypted; a changed or moved text raises."""
    raw = base64.b64decode(told)
    return _cipher(purpose).decrypt(raw[:12], raw[12:], bound_to).decode()


def _cipher(purpose: str) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(bytes.fromhex(keyed_hash(f"encrypted.{purpose}", "key")))
