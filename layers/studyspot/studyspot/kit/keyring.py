"""The keys that access tokens are signed with. Which of them signs is told by the clock, so nobody switches them over.

A key is published a day before it signs, and verifies for a day after its successor began: whoever re-reads the ring
once in that time never meets a token he cannot verify, and nobody is signed out. The ring is kept in the stage's
secret, or in a file that SIGNING_KEYS names; an inline ring cannot be changed.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import jwt
from pydantic import BaseModel, ConfigDict

from studyspot.kit import clock, log, settings

ALGORITHM = "ES256"
PUBLISHED_BEFORE = timedelta(hours=24)
VERIFIES_AFTER = timedelta(hours=24)
REREAD_SECONDS = 3600
UNKNOWN_SECONDS = 10
"""A `kid` nobody knows has the ring read again, but no more often than this: anybody can invent one."""
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
Status = Literal["next", "current", "previous", "retired"]


class SigningKey(BaseModel):
    """One private key as kept (a JWK), and from when until when it counts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kty: str
    crv: str
    x: str
    y: str
    d: str
    kid: str
    not_before: datetime = BEGINNING
    not_after: datetime | None = None

    @cached_property
    def jwk(self) -> jwt.PyJWK:
        return jwt.PyJWK(self.model_dump(include={"kty", "crv", "x", "y", "d", "kid"}), algorithm=ALGORITHM)

    def public(self) -> dict[str, Any]:
        """What the JWKS shows (RFC 7517)."""
        return {**self.model_dump(include={"kty", "crv", "x", "y", "kid"}), "alg": ALGORITHM, "use": "sig"}


@dataclass(frozen=True)
class Ring:
    """All keys of a stage. Of keys without times the first signs, as it always did."""

    keys: tuple[SigningKey, ...]

    def living(self) -> list[SigningKey]:
        """Published, and good for verifying."""
        now = clock.now()
        return [key for key in self.keys if key.not_after is None or key.not_after > now]

    def signer(self) -> SigningKey:
        """The newest that has begun."""
        now = clock.now()
        return max((key for key in self.living() if key.not_before <= now), key=lambda key: key.not_before)

    def next(self) -> SigningKey | None:
        """Published, and not signing yet."""
        now = clock.now()
        return next((key for key in self.keys if key.not_before > now), None)

    def status(self, key: SigningKey) -> Status:
        if key.not_after is not None and key.not_after <= clock.now():
            return "retired"
        if key.not_before > clock.now():
            return "next"
        return "current" if key.kid == self.signer().kid else "previous"

    def with_next(self) -> Ring:
        """One more key, to sign in a day; those of today retire a day after. The signing one stays first."""
        begins = clock.now() + PUBLISHED_BEFORE
        signer = self.signer()
        older = [
            key if key.not_after else key.model_copy(update={"not_after": begins + VERIFIES_AFTER})
            for key in sorted(self.living(), key=lambda key: key.kid != signer.kid)
        ]
        return Ring((*older, generated(begins)))

    def text(self) -> str:
        return json.dumps([key.model_dump(mode="json") | {"alg": ALGORITHM} for key in self.keys])


class Fixed(Exception):
    """This stage's keys stand in its environment, where nobody can change them."""


def generated(not_before: datetime) -> SigningKey:
    """A new P-256 key."""
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    numbers = {"x": private.public_numbers.x, "y": private.public_numbers.y, "d": private.private_value}
    encoded = {n: base64.urlsafe_b64encode(v.to_bytes(32, "big")).decode().rstrip("=") for n, v in numbers.items()}
    kid = f"{not_before:%Y%m%d}-{secrets.token_hex(4)}"
    return SigningKey.model_validate({"kty": "EC", "crv": "P-256", "kid": kid, "not_before": not_before, **encoded})


_held: tuple[str, float, Ring] | None = None


def ring(unknown: bool = False) -> Ring:
    """As this process knows it; read again by the hour, and when a key turns up that it does not know."""
    named = _named()
    if _held is None or _held[0] != named:
        return _hold(named, named if not named.startswith("/") else Path(named).read_text())
    age = time.monotonic() - _held[1]
    if age > (UNKNOWN_SECONDS if unknown else REREAD_SECONDS):
        return reread()
    return _held[2]


def reread() -> Ring:
    """From where it is kept; while that does not answer, what is known goes on."""
    named = _named()
    try:
        return _hold(named, _kept(named))
    except Exception as outage:
        if _held is None:
            raise
        log.error("signing_keys_unreadable", error=repr(outage))
        return _hold(named, _held[2].text())


def key(kid: str) -> SigningKey:
    """The living key of that name, or KeyError."""
    for unknown in (False, True):
        for known in ring(unknown).living():
            if known.kid == kid:
                return known
    raise KeyError(kid)


def changeable() -> bool:
    """Is the ring kept where it can be rewritten?"""
    return _named().startswith("/") or bool(settings.get().app_secret_arn)


def write(changed: Ring) -> None:
    """Into the secret or the file; Fixed where it is neither."""
    named, arn = _named(), settings.get().app_secret_arn
    if named.startswith("/"):
        draft = Path(named).with_name(f"{Path(named).name}.new")
        draft.touch(mode=0o600)
        draft.write_text(changed.text())
        draft.replace(named)
    elif arn:
        settings.change_secret(arn, {"SIGNING_KEYS": changed.text()})
    else:
        raise Fixed
    _hold(named, changed.text())


def _named() -> str:
    return settings.get().signing_keys.get_secret_value()


def _kept(named: str) -> str:
    if named.startswith("/"):
        return Path(named).read_text()
    arn = settings.get().app_secret_arn
    return settings.secret(arn)["SIGNING_KEYS"] if arn else named


def _hold(named: str, text: str) -> Ring:
    global _held  # noqa: PLW0603 - one ring a process
    held = Ring(tuple(SigningKey.model_validate(key) for key in json.loads(text)))
    _held = (named, time.monotonic(), held)
    return held
