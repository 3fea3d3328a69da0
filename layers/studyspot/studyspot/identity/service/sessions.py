"""Sessions: begun by a sign-in, kept alive by rotating refresh tokens, ended for good."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from studyspot.identity import opaque
from studyspot.identity.models import AccountSuspended, Chain, Family, Person, RefreshReused, Tokens
from studyspot.identity.queries import people
from studyspot.identity.queries import sessions as queries
from studyspot.identity.service.directory import as_user, home_of, person
from studyspot.kit import audit, clock, ids, outbox, tokens
from studyspot.kit.crypto import keyed_hash
from studyspot.kit.db import Db
from studyspot.kit.errors import TokenExpired, TokenRevoked, Unauthenticated
from studyspot.kit.ids import PLATFORM

UNUSED = timedelta(days=7)
LONGEST = timedelta(days=30)
GRACE = timedelta(seconds=30)
PURPOSE = "refresh"


def start_session(db: Db, person: Person, method: str) -> Tokens:
    """A new session of a person in their tenant's cell `db`; everything goes out with COMMIT."""
    now, session = clock.now(), ids.uuid7()
    until = _until(now)
    refresh_token = opaque.mint(PURPOSE, db.tenant)
    queries.open_session(db, session, person.id, person.user_type, until)
    queries.add_token(db, session, person.id, opaque.hashed(PURPOSE, refresh_token), until)
    audit.note(
        db, "auth.login", person.user_type, person.id, after={"method": method, "session": str(session)},
        actor_type=person.user_type, actor_id=person.id,
    )  # fmt: skip
    outbox.emit(db, "user.logged_in", person.id, {"userType": person.user_type, "method": method})
    return _pair(person, session, refresh_token)


def refresh(core: Db, token: str) -> Tokens:
    """The successor of a refresh token and a new access token."""
    tenant = opaque.home(PURPOSE, token)
    if tenant is None:
        raise Unauthenticated("the refresh token is not valid")
    if tenant != PLATFORM:
        _admit_tenant(core, tenant)
    with home_of(core, tenant) as db:
        known = queries.family(db, opaque.hashed(PURPOSE, token))
        if known is None:
            raise Unauthenticated("the refresh token is not valid")
        who = person(core, db, known.user_type, known.user_id)
        with db.transaction():
            return _rotate(db, token, who)


def _admit_tenant(core: Db, tenant: UUID) -> None:
    state = people.tenant(core, tenant)
    if state is None:
        raise TokenRevoked
    state.admit()


def _rotate(db: Db, token: str, who: Person | None) -> Tokens:
    next_token = opaque.successor(PURPOSE, token)
    known_as, next_as = opaque.hashed(PURPOSE, token), opaque.hashed(PURPOSE, next_token)
    family = queries.family_locked(db, known_as)
    if family.revoked_at:
        raise TokenRevoked
    if family.expires_at <= clock.now():
        raise TokenExpired("the session has ended")
    if who is None or who.status != "active":
        queries.end(db, family.id, "account")
        db.commit()
        raise AccountSuspended
    chain = queries.chain(db, known_as, next_as)
    if chain.replaced_at is None:
        _replace(db, family, known_as, next_as)
    elif not _just_replaced(chain):
        _end_reused(db, family)
        raise RefreshReused
    return _pair(who, family.id, next_token)


def _just_replaced(chain: Chain) -> bool:
    """Two tabs, or a lost answer: the successor is still the newest, and was handed out a moment ago."""
    assert chain.replaced_at is not None, "asked only of a token that was replaced"
    return chain.successor_replaced_at is None and clock.now() - chain.replaced_at <= GRACE


def _replace(db: Db, family: Family, known_as: str, next_as: str) -> None:
    until = _until(family.created_at)
    queries.replace(db, known_as)
    queries.add_token(db, family.id, family.user_id, next_as, until)
    queries.prolong(db, family.id, until)


def _end_reused(db: Db, family: Family) -> None:
    """Somebody else has the token, and which of the two is the owner nobody can tell."""
    queries.end(db, family.id, "reused")
    audit.note(
        db, "auth.refresh_reused", family.user_type, family.user_id, after={"session": str(family.id)},
        actor_type=family.user_type, actor_id=family.user_id,
    )  # fmt: skip
    outbox.emit(db, "user.refresh_reused", family.user_id, {"sessionId": str(family.id)})
    db.commit()


def end_session(db: Db, session: UUID, reason: str = "logout") -> None:
    """This session's tokens answer `token_revoked` from the COMMIT on."""
    queries.end(db, session, reason)


def end_sessions(db: Db, user_id: UUID, reason: str, but: UUID | None = None) -> None:
    """Every session of a person in this cell, or all but one."""
    queries.end_all(db, user_id, reason, but)


def _until(begun: datetime) -> datetime:
    """A session ends a week after its last use, a month after the sign-in at the latest."""
    return min(clock.now() + UNUSED, begun + LONGEST)


def _pair(person: Person, session: UUID, refresh_token: str) -> Tokens:
    user = as_user(person)
    claims = {
        "sub": str(user.id),
        "userId": str(user.id),
        "email": user.email,
        "userType": user.user_type,
        "tenantId": str(user.tenant_id),
        "roles": user.roles,
        "permissions": user.permissions,
        "sid": str(session),
        "jti": keyed_hash("jti", f"{refresh_token}{clock.now().isoformat()}")[:32],
    }
    if user.library_ids is not None:
        claims["libraryIds"] = [str(i) for i in user.library_ids]
    return Tokens(
        user=user,
        access_token=tokens.sign(claims),
        refresh_token=refresh_token,
        expires_in=tokens.LIFETIME_SECONDS,
    )
