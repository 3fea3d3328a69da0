"""Checks of HMAC signatures over raw bytes, in constant time; anything malformed is a bad signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping

from studyspot.kit.errors import BadSignature


def hex_digest(secret: str, message: bytes) -> str:
    """HMAC-SHA256 in lower-case hex, as Razorpay signs."""
    return _digest(secret, message).hex()


def base64_digest(secret: str, message: bytes) -> str:
    """HMAC-SHA256 in base64, as Cashfree signs."""
    return base64.b64encode(_digest(secret, message)).decode()


def _digest(secret: str, message: bytes) -> bytes:
    """An empty secret would let anybody sign."""
    if not secret:
        raise BadSignature
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()


def require_match(expected: Iterable[str], presented: object) -> None:
    """BadSignature unless one of the expected signatures was presented."""
    if not isinstance(presented, str) or not presented:
        raise BadSignature
    # compare_digest refuses non-ASCII text, so bytes are compared; surrogates may come out of a header's decoding
    given = presented.encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(each.encode(), given) for each in expected]
    if not any(matches):
        raise BadSignature


def header(headers: Mapping[str, str], name: str) -> str | None:
    """A header by its name, whatever its case."""
    return next((value for key, value in headers.items() if key.lower() == name), None)
