"""Keyed hashes for codes, cursors and look-ups; nothing secret is stored in the clear."""

from __future__ import annotations

import base64
import hashlib
import hmac

from studyspot.kit import settings


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
