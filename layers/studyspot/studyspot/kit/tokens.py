"""Access tokens: ES256, verified against keys of this product only, never against what the token says of itself."""

from __future__ import annotations

import hashlib
import time
from typing import Any
from uuid import UUID

import jwt

from studyspot.kit import clock, keyring, tally
from studyspot.kit.errors import TokenExpired, Unauthenticated
from studyspot.kit.keyring import ALGORITHM
from studyspot.kit.permissions import USER_TABLES

LIFETIME_SECONDS = 900
ISSUER = "https://studyspot.dev"
AUDIENCE = "studyspot-api"
REMEMBERED_SECONDS = 60
REMEMBERED_TOKENS = 4096
REQUIRED = [
    "sub",
    "userId",
    "userType",
    "userTable",
    "tenantId",
    "roles",
    "permissions",
    "type",
    "iat",
    "exp",
    "jti",
    "sid",
]

_verified: dict[bytes, tuple[float, dict[str, Any]]] = {}


def public_keys() -> list[dict[str, Any]]:
    """The JWKS: also the key that signs from tomorrow on, so that nobody who keeps a copy is surprised."""
    return [key.public() for key in keyring.ring().living()]


def sign(claims: dict[str, Any], seconds: int = LIFETIME_SECONDS) -> str:
    """An access token of 15 minutes; the caller gives who, what and the session (`sid`, `jti`)."""
    signer = keyring.ring().signer()
    issued = int(clock.now().timestamp())
    full = claims | {
        "type": "access",
        "iat": issued,
        "exp": issued + seconds,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "userTable": USER_TABLES[claims["userType"]],
    }
    return jwt.encode(full, signer.jwk.key, algorithm=ALGORITHM, headers={"kid": signer.kid})


def sign_document(kind: str, facts: dict[str, Any], seconds: int) -> str:
    """Something of ours that others keep and check by the JWKS; made for another audience, it signs nobody in."""
    signer = keyring.ring().signer()
    issued = int(clock.now().timestamp())
    times = {"iat": issued, "exp": issued + seconds, "iss": ISSUER, "aud": f"studyspot-{kind}"}
    headers = {"kid": signer.kid, "typ": f"{kind}+jwt"}
    return jwt.encode(facts | times | {"type": kind}, signer.jwk.key, algorithm=ALGORITHM, headers=headers)


def verify(token: str) -> dict[str, Any]:
    """The claims of a genuine, unexpired token. Verified ones are remembered by digest, never past their expiry."""
    digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
    known = _verified.get(digest)
    fresh = known is not None and time.monotonic() - known[0] < REMEMBERED_SECONDS
    tally.current.looked_up("token:{digest}", fresh)
    if known and fresh:
        claims = known[1]
    else:
        claims = _decode(token)
        if len(_verified) >= REMEMBERED_TOKENS:
            _verified.clear()
        _verified[digest] = (time.monotonic(), claims)
    if claims["exp"] <= clock.now().timestamp():
        raise TokenExpired
    return claims


def _decode(token: str) -> dict[str, Any]:
    try:
        key = keyring.key(jwt.get_unverified_header(token)["kid"]).jwk
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            # Expiry is judged by the product's clock, not by the library's wall clock.
            options={"require": REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        if claims["type"] != "access" or USER_TABLES.get(claims["userType"]) != claims["userTable"]:
            raise Unauthenticated
        UUID(claims["tenantId"]), UUID(claims["userId"]), UUID(claims["sid"])
        int(claims["exp"])
    except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise Unauthenticated("the access token is not valid") from error
    return claims
