"""Sessions and the families of refresh tokens that keep them alive."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.identity.models import Family, SessionView
from studyspot.kit import clock, ids
from studyspot.kit.callers import Chain
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging

OPEN = """
    INSERT INTO sessions (id, user_id, user_type, family_id, device, ip_address, claims, created_at, last_used_at,
                          expires_at, impersonator, kiosk_of)
    VALUES (%(id)s, %(user)s, %(type)s, %(id)s, %(device)s, %(address)s, %(claims)s::jsonb, %(now)s, %(now)s,
            %(until)s, %(impersonator)s, %(kiosk_of)s)"""
CONTINUE = """
    INSERT INTO refresh_tokens (id, user_id, token_hash, family_id, expires_at, created_at)
    VALUES (%(id)s, %(user)s, %(hash)s, %(family)s, %(until)s, %(now)s)"""
FAMILY = """
    SELECT s.id, s.user_id, s.user_type, s.device, s.created_at, s.expires_at, s.revoked_at
    FROM refresh_tokens r JOIN sessions s ON s.tenant_id = r.tenant_id AND s.id = r.family_id
    WHERE r.token_hash = %(hash)s"""
CHAIN = """
    SELECT r.replaced_at, n.replaced_at AS successor_replaced_at
    FROM refresh_tokens r LEFT JOIN refresh_tokens n ON n.tenant_id = r.tenant_id AND n.token_hash = %(next)s
    WHERE r.token_hash = %(hash)s"""
REPLACE = "UPDATE refresh_tokens SET replaced_at = %(now)s WHERE token_hash = %(hash)s"
PROLONG = """
    UPDATE sessions SET last_used_at = %(now)s, expires_at = %(until)s, claims = %(claims)s::jsonb WHERE id = %(id)s"""
# A bound of no libraries is the widest; a session of an earlier release, whose claims nobody kept, counts as wider.
END_WIDER = """
    WITH ended AS (
        UPDATE sessions SET revoked_at = %(now)s, reason = 'rights'
        WHERE user_id = %(user)s AND revoked_at IS NULL AND NOT coalesce(
            %(rights)s::jsonb -> 'permissions' @> (claims -> 'permissions')
            AND (NOT %(rights)s::jsonb ? 'libraryIds' OR %(rights)s::jsonb -> 'libraryIds' @> (claims -> 'libraryIds')),
            false)
        RETURNING id
    )
    UPDATE refresh_tokens SET revoked_at = %(now)s
    WHERE family_id IN (SELECT id FROM ended) AND revoked_at IS NULL"""
# Only sessions in the person's own role: one that was opened for less (on behalf of, or not fully proven) stays less.
RETELL = """
    UPDATE sessions SET claims = (claims - 'libraryIds') || %(rights)s::jsonb
    WHERE user_id = %(user)s AND revoked_at IS NULL AND claims -> 'roles' = %(rights)s::jsonb -> 'roles'
      AND NOT claims ? 'act'"""
LIVING = """
    SELECT id, device, ip_address, created_at, last_used_at, expires_at, id = %(current)s AS current FROM sessions
    WHERE user_id = %(user)s AND revoked_at IS NULL AND expires_at > %(now)s
      AND (%(after)s::uuid IS NULL OR id < %(after)s::uuid)
    ORDER BY id DESC LIMIT %(fetch)s"""
IS_LIVING = """
    SELECT 1 FROM sessions WHERE id = %(id)s AND user_id = %(user)s AND revoked_at IS NULL AND expires_at > %(now)s
    FOR UPDATE"""
END = """
    UPDATE sessions SET revoked_at = %(now)s, reason = %(reason)s WHERE id = %(id)s AND revoked_at IS NULL"""
END_TOKENS = "UPDATE refresh_tokens SET revoked_at = %(now)s WHERE family_id = %(id)s AND revoked_at IS NULL"
END_ALL = """
    WITH halves AS (
        UPDATE mfa_challenges SET used_at = %(now)s WHERE user_id = %(user)s AND used_at IS NULL
    ), ended AS (
        UPDATE sessions SET revoked_at = %(now)s, reason = %(reason)s
        WHERE user_id = %(user)s AND revoked_at IS NULL AND (%(but)s::uuid IS NULL OR id <> %(but)s) RETURNING id
    )
    UPDATE refresh_tokens SET revoked_at = %(now)s
    WHERE family_id IN (SELECT id FROM ended) AND revoked_at IS NULL"""


def open_session(
    db: Db,
    session: UUID,
    user: UUID,
    user_type: str,
    claims: dict[str, Any],
    until: datetime,
    impersonator: UUID | None = None,
    kiosk_of: UUID | None = None,
) -> None:
    """Goes out with COMMIT."""
    origin = db.origin
    who = {"id": session, "user": user, "type": user_type, "claims": json.dumps(claims), "until": until}
    device = (origin.user_agent or "")[:400] or None
    how = {"device": device, "address": origin.ip_address, "impersonator": impersonator, "kiosk_of": kiosk_of}
    db.later(OPEN, **who, **how, now=clock.now())


def add_token(db: Db, family: UUID, user: UUID, token_hash: str, until: datetime) -> None:
    """Goes out with COMMIT."""
    db.later(CONTINUE, id=ids.uuid7(), user=user, hash=token_hash, family=family, until=until, now=clock.now())


def family(db: Db, token_hash: str) -> Family | None:
    """The session a refresh token belongs to."""
    return db.maybe(Family, FAMILY, hash=token_hash)


def family_locked(db: Db, token_hash: str) -> Family:
    """The same, held until COMMIT: rotations of one family happen one after the other."""
    return db.one(Family, f"{FAMILY} FOR UPDATE OF s", hash=token_hash)


def chain(db: Db, token_hash: str, next_hash: str) -> Chain:
    """Where the token stands among its family."""
    return db.one(Chain, CHAIN, hash=token_hash, next=next_hash)


def replace(db: Db, token_hash: str) -> None:
    """Its successor was handed out. Goes out with COMMIT."""
    db.later(REPLACE, hash=token_hash, now=clock.now())


def prolong(db: Db, session: UUID, claims: dict[str, Any], until: datetime) -> None:
    """The session was used; its claims are those of today. Goes out with COMMIT."""
    db.later(PROLONG, id=session, until=until, claims=json.dumps(claims), now=clock.now())


def living(db: Db, user: UUID, current: UUID, paging: Paging) -> list[SessionView]:
    """A person's sessions that have not ended, newest first."""
    return db.all(
        SessionView, LIVING, user=user, current=current, after=paging.after, fetch=paging.fetch, now=clock.now()
    )


def is_living(db: Db, user: UUID, session: UUID) -> bool:
    """Is it this person's, and not ended? Held until COMMIT."""
    return bool(db.value(IS_LIVING, id=session, user=user, now=clock.now()))


def end(db: Db, session: UUID, reason: str) -> None:
    """No token of this session is good any more. Goes out with COMMIT."""
    db.later(END, id=session, reason=reason, now=clock.now())
    db.later(END_TOKENS, id=session, now=clock.now())


def end_all(db: Db, user: UUID, reason: str, but: UUID | None) -> None:
    """Every session of a person, or all but one, and what is half signed in. Goes out with COMMIT."""
    db.later(END_ALL, user=user, reason=reason, but=but, now=clock.now())


def end_wider(db: Db, user: UUID, rights: dict[str, Any]) -> None:
    """The sessions of a person that hold more than `rights`. Goes out with COMMIT."""
    db.later(END_WIDER, user=user, rights=json.dumps(rights), now=clock.now())


def retell(db: Db, user: UUID, rights: dict[str, Any]) -> None:
    """The person's sessions in that role hold these rights from now on. Goes out with COMMIT."""
    db.later(RETELL, user=user, rights=json.dumps(rights))
