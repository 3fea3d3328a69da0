"""Who is calling, by which credential: a bearer token, an API key, or the cookie of a browser's session.

A bearer token carries its claims. A cookie carries the session's refresh token, so its claims are kept on the session's
row, where whoever changes a person's rights rewrites them (docs/decisions/0007-cookies.md).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from studyspot.kit import cells, clock, devices, keys, opaque, settings, tokens
from studyspot.kit.auth import Actor
from studyspot.kit.crypto import keyed_hash, same
from studyspot.kit.db import Db
from studyspot.kit.errors import CsrfFailed, TokenExpired, TokenRevoked, Unauthenticated
from studyspot.kit.request import Request

UNUSED = timedelta(days=7)
LONGEST = timedelta(days=30)
GRACE = timedelta(seconds=30)
REFRESH = "refresh"
"""The purpose of refresh tokens."""
NOTED_EVERY = timedelta(hours=1)
"""A cookie's use prolongs its session, but not by a write a request."""
SESSION_COOKIE = "session={}; HttpOnly; Secure; SameSite=Lax; Path=/api"
CSRF_COOKIE = "csrf={}; Secure; SameSite=Lax; Path=/"
GONE = "; Max-Age=0"
CREDENTIALS = {
    "bearerAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "sessionCookie": {
        "type": "apiKey", "in": "cookie", "name": "session",
        "description": "Set by a sign-in with the header `X-Session: cookie`; without Authorization it signs in.",
    },
    "csrfToken": {
        "type": "apiKey", "in": "header", "name": "X-CSRF-Token",
        "description": "The value of the `csrf` cookie, together with an Origin that is configured.",
    },
}  # fmt: skip
"""How the description of the API names them."""

SESSION = """
    WITH found AS (
        SELECT s.tenant_id, s.id, s.claims, s.created_at, s.last_used_at, s.expires_at, s.revoked_at, r.replaced_at,
               n.replaced_at AS successor_replaced_at
        FROM refresh_tokens r JOIN sessions s ON s.tenant_id = r.tenant_id AND s.id = r.family_id
            LEFT JOIN refresh_tokens n ON n.tenant_id = r.tenant_id AND n.token_hash = %(next)s
        WHERE r.token_hash = %(hash)s
    ), used AS (
        UPDATE sessions s SET last_used_at = %(now)s, expires_at = least(%(unused)s, s.created_at + %(longest)s)
        FROM found f
        WHERE s.tenant_id = f.tenant_id AND s.id = f.id AND f.revoked_at IS NULL AND f.replaced_at IS NULL
          AND f.expires_at > %(now)s AND f.last_used_at <= %(noted)s
    )
    SELECT id, claims, expires_at, revoked_at, replaced_at, successor_replaced_at FROM found"""


class Chain(BaseModel):
    """Where a refresh token stands: when it was replaced, and when its successor was."""

    replaced_at: datetime | None
    successor_replaced_at: datetime | None

    @property
    def just_replaced(self) -> bool:
        """Two tabs, or a lost answer: the successor is still the newest, and was handed out a moment ago."""
        if self.replaced_at is None or self.successor_replaced_at is not None:
            return False
        return clock.now() - self.replaced_at <= GRACE


class Session(Chain):
    """A session as its cookie finds it."""

    id: UUID
    claims: dict[str, Any] | None
    expires_at: datetime
    revoked_at: datetime | None


def sign_in(request: Request) -> Actor:
    """The caller, or 401; that the session lives is for the gate. `Authorization` wins over the cookie, good or bad."""
    credential = request.headers.get("authorization")
    if not credential:
        return _by_cookie(request)
    scheme, _, token = credential.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _nobody()
    token = token.strip()
    if token.startswith(keys.MARK):
        return keys.sign_in(token)
    return devices.sign_in(token) if token.startswith(devices.MARK) else Actor.of(tokens.verify(token))


def presented(request: Request) -> str:
    """The refresh token in the cookie; for a change only together with the proof that our own page sent it."""
    token = request.cookie("session")
    session = opaque.subject(REFRESH, token) if token else None
    if token is None or session is None:
        raise _nobody()
    if request.writes:
        _must_come_from_our_page(request, session)
    return token


def keep(request: Request, refresh_token: str, by_cookie: bool = False) -> None:
    """Sign-in asked for it (`X-Session: cookie`), or a cookie was rotated: the browser keeps the session."""
    asked = request.headers.get("x-session", "").lower() == "cookie"
    session = opaque.subject(REFRESH, refresh_token)
    if session is None or not (asked or by_cookie):
        return
    csrf = _csrf(session)
    request.answering["X-CSRF-Token"] = csrf
    request.cookies_out.extend([SESSION_COOKIE.format(refresh_token), CSRF_COOKIE.format(csrf)])


def forget(request: Request) -> None:
    """The browser drops both cookies."""
    request.cookies_out.extend([SESSION_COOKIE.format("") + GONE, CSRF_COOKIE.format("") + GONE])


def until(begun: datetime) -> datetime:
    """A session ends a week after its last use, a month after the sign-in at the latest."""
    return min(clock.now() + UNUSED, begun + LONGEST)


def _by_cookie(request: Request) -> Actor:
    session = _session_of(presented(request))
    if session.revoked_at:
        raise TokenRevoked
    if session.expires_at <= clock.now():
        raise TokenExpired("the session has ended")
    if session.claims is None or not (session.replaced_at is None or session.just_replaced):
        raise Unauthenticated("the session cookie is out of date")
    return Actor.of(session.claims | {"type": "session", "exp": int(session.expires_at.timestamp())})


def _session_of(token: str) -> Session:
    """One look-up in the tenant's cell."""
    tenant = opaque.home(REFRESH, token)
    assert tenant is not None, "only a genuine token is presented"
    found = cells.at_home(tenant, lambda db: _found(db, token))
    if found is None:
        raise _nobody()
    return found


def _found(db: Db, token: str) -> Session | None:
    now, next_token = clock.now(), opaque.successor(REFRESH, token)
    return db.maybe(
        Session,
        SESSION,
        hash=opaque.hashed(REFRESH, token),
        next=opaque.hashed(REFRESH, next_token),
        now=now,
        unused=now + UNUSED,
        longest=LONGEST,
        noted=now - NOTED_EVERY,
    )


def _must_come_from_our_page(request: Request, session: UUID) -> None:
    """A page of somebody else's can send the cookie, but neither read the token nor change its origin."""
    given = request.headers.get("x-csrf-token", "")
    if not same(given, _csrf(session)) or request.headers.get("origin") not in settings.get().origins:
        raise CsrfFailed


def _csrf(session: UUID) -> str:
    """Bound to the session, the same over all its rotations: a tab that did not rotate is not refused."""
    return keyed_hash("csrf", str(session))


def _nobody() -> Unauthenticated:
    return Unauthenticated(headers={"WWW-Authenticate": "Bearer"})
