"""Sessions: begun by a sign-in, kept alive by rotating refresh tokens, ended for good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn
from uuid import UUID

from studyspot.identity.models import AccountSuspended, Family, Letter, Person, RefreshReused, SessionView, Tokens
from studyspot.identity.models.factors import Standing
from studyspot.identity.queries import factors, people
from studyspot.identity.queries import sessions as queries
from studyspot.identity.service.directory import PLATFORM_TYPES, as_user, home_of, person
from studyspot.kit import audit, cells, clock, ids, opaque, outbox, settings, tokens
from studyspot.kit.auth import ENROLLING, Actor
from studyspot.kit.callers import REFRESH, until
from studyspot.kit.crypto import keyed_hash
from studyspot.kit.db import Db
from studyspot.kit.errors import MfaRequired, NotFound, TokenExpired, TokenRevoked, Unauthenticated
from studyspot.kit.ids import PLATFORM
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging

Mail = Callable[[Db, Letter], None]
"""Has a letter sent, in the transaction of that tenant."""

CHALLENGE = "mfa"
"""The purpose of tokens that stand between the two halves of a sign-in."""
CHALLENGED = timedelta(minutes=5)


def start_session(db: Db, person: Person, method: str, proven: bool = False) -> Tokens:
    """A new session of a person in their tenant's cell `db`; everything goes out with COMMIT.

    Whoever has a second factor and has not `proven` it gets MfaRequired with a token to go on, however they came.
    """
    standing = factors.standing(db, person.id)
    if standing.on and not proven:
        _ask_for_factor(db, person, method)
    now, session = clock.now(), ids.uuid7()
    ends = until(now)
    refresh_token = opaque.mint(REFRESH, db.tenant, session)
    claims = claims_of(person, session, refresh_token, standing)
    queries.open_session(db, session, person.id, person.user_type, claims, ends)
    queries.add_token(db, session, person.id, opaque.hashed(REFRESH, refresh_token), ends)
    audit.note(
        db, "auth.login", person.user_type, person.id, after={"method": method, "session": str(session)},
        actor_type=person.user_type, actor_id=person.id,
    )  # fmt: skip
    outbox.emit(db, "user.logged_in", person.id, {"userType": person.user_type, "method": method})
    return _pair(person, claims, refresh_token)


def _ask_for_factor(db: Db, person: Person, method: str) -> NoReturn:
    """What the first half did lasts; the answer names what the second half needs."""
    challenge = ids.uuid7()
    token = opaque.mint(CHALLENGE, db.tenant, challenge)
    expires = clock.now() + CHALLENGED
    factors.ask(db, challenge, opaque.hashed(CHALLENGE, token), person.id, person.user_type, method, expires)
    audit.note(
        db, "auth.mfa_asked", person.user_type, person.id, after={"method": method},
        actor_type=person.user_type, actor_id=person.id,
    )  # fmt: skip
    db.commit()
    raise MfaRequired(mfaToken=token, methods=["totp", "recovery_code"], expiresIn=int(CHALLENGED.total_seconds()))


def refresh(core: Db, token: str, mail: Mail) -> Tokens:
    """The successor of a refresh token and a new access token; `mail` warns whose session was used by two."""
    tenant = opaque.home(REFRESH, token)
    if tenant is None:
        raise Unauthenticated("the refresh token is not valid")
    if tenant != PLATFORM:
        admit_tenant(core, tenant)
        cells.forget(tenant)  # a tenant that has just moved signs nobody out
    with home_of(core, tenant) as db:
        known = queries.family(db, opaque.hashed(REFRESH, token))
        if known is None:
            raise Unauthenticated("the refresh token is not valid")
        who = person(core, db, known.user_type, known.user_id)
        with db.transaction():
            return _rotate(db, token, who, mail)


def admit_tenant(core: Db, tenant: UUID) -> None:
    """Raises unless its people may sign in, by the directory's word."""
    state = people.tenant(core, tenant)
    if state is None:
        raise TokenRevoked
    state.admit()


def _rotate(db: Db, token: str, who: Person | None, mail: Mail) -> Tokens:
    next_token = opaque.successor(REFRESH, token)
    known_as, next_as = opaque.hashed(REFRESH, token), opaque.hashed(REFRESH, next_token)
    family = queries.family_locked(db, known_as)
    if family.revoked_at:
        raise TokenRevoked
    if family.expires_at <= clock.now():
        raise TokenExpired("the session has ended")
    if who is None or who.status != "active":
        queries.end(db, family.id, "account")
        db.commit()
        raise AccountSuspended
    claims = claims_of(who, family.id, next_token, factors.standing(db, who.id))
    chain = queries.chain(db, known_as, next_as)
    if chain.replaced_at is None:
        _replace(db, family, known_as, next_as, claims)
    elif not chain.just_replaced:
        _end_reused(db, family, who, mail)
        raise RefreshReused
    return _pair(who, claims, next_token)


def _replace(db: Db, family: Family, known_as: str, next_as: str, claims: dict[str, Any]) -> None:
    ends = until(family.created_at)
    queries.replace(db, known_as)
    queries.add_token(db, family.id, family.user_id, next_as, ends)
    queries.prolong(db, family.id, claims, ends)


def _end_reused(db: Db, family: Family, who: Person, mail: Mail) -> None:
    """Somebody else has the token, and which of the two is the owner nobody can tell: both are out, and one is told."""
    queries.end(db, family.id, "reused")
    audit.note(
        db, "auth.refresh_reused", family.user_type, family.user_id, after={"session": str(family.id)},
        actor_type=family.user_type, actor_id=family.user_id,
    )  # fmt: skip
    outbox.emit(db, "user.refresh_reused", family.user_id, {"sessionId": str(family.id)})
    if who.email:
        variables = {"device": family.device or "an unknown device"}
        mail(
            db,
            Letter(
                template="session_reused", to=who.email, variables=variables, recipient_id=who.id,
                recipient_type=who.user_type,
            ),
        )  # fmt: skip
    db.commit()


def sessions_of(db: Db, actor: Actor, paging: Paging) -> Page[SessionView]:
    """Where somebody is signed in, newest first."""
    return paging.page(queries.living(db, actor.id, actor.session_id, paging))


def revoke(db: Db, actor: Actor, session: UUID) -> None:
    """One of one's own sessions; nobody else's exists."""
    with db.transaction():
        if not queries.is_living(db, actor.id, session):
            raise NotFound
        queries.end(db, session, "revoked")
        audit.note(db, "auth.session_revoked", "sessions", session)


def revoke_others(db: Db, actor: Actor) -> None:
    """All but the one that asks."""
    queries.end_all(db, actor.id, "revoked", actor.session_id)
    audit.note(db, "auth.sessions_revoked", actor.user_type, actor.id)


def end_session(db: Db, session: UUID, reason: str = "logout") -> None:
    """This session's tokens answer `token_revoked` from the COMMIT on."""
    queries.end(db, session, reason)


def end_sessions(db: Db, user_id: UUID, reason: str, but: UUID | None = None) -> None:
    """Every session of a person in this cell, or all but one."""
    queries.end_all(db, user_id, reason, but)


def reissue(db: Db, person: Person) -> None:
    """Call it in the transaction that changed somebody's roles, permissions or libraries; goes out with COMMIT.

    A session that held more than `person` holds now is ended: its access tokens must not outlive what they say. One
    that held no more is told what is new: a cookie has it at once, a bearer token with the next refresh. Another role,
    and what a session was not opened for, comes with the next refresh only.
    """
    rights = _rights(person)
    queries.end_wider(db, person.id, rights)
    queries.retell(db, person.id, rights)


def _rights(person: Person) -> dict[str, Any]:
    """The part of the claims that others may change."""
    user = as_user(person)
    rights: dict[str, Any] = {"roles": user.roles, "permissions": user.permissions}
    if user.library_ids is not None:
        rights["libraryIds"] = [str(i) for i in user.library_ids]
    return rights


def _owes_factor(person: Person, standing: Standing) -> bool:
    """By setting for the platform's people, by the organisation's policy for its owner and staff."""
    if standing.on:
        return False
    if person.user_type in PLATFORM_TYPES:
        return settings.get().mfa_required_for_platform
    return standing.required and person.user_type in ("library_owner", "library_staff")


def claims_of(person: Person, session: UUID, refresh_token: str, standing: Standing) -> dict[str, Any]:
    """What a token of this session says of the person today."""
    rights = _rights(person)
    if _owes_factor(person, standing):
        rights |= {"roles": [ENROLLING], "permissions": []}
    return {
        "sub": str(person.id),
        "userId": str(person.id),
        "email": person.email,
        "userType": person.user_type,
        "tenantId": str(person.tenant_id),
        **rights,
        "sid": str(session),
        "jti": keyed_hash("jti", f"{refresh_token}{clock.now().isoformat()}")[:32],
    }


def _pair(person: Person, claims: dict[str, Any], refresh_token: str) -> Tokens:
    return Tokens(
        user=as_user(person).model_copy(update={name: claims[name] for name in ("roles", "permissions")}),
        access_token=tokens.sign(claims),
        refresh_token=refresh_token,
        expires_in=tokens.LIFETIME_SECONDS,
    )
