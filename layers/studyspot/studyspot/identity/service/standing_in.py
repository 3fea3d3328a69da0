"""Acting as somebody else: half an hour, with a reason that both sides keep, only looking unless the owner consents."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from studyspot.identity.models import AccountSuspended, Person
from studyspot.identity.models.factors import Standing
from studyspot.identity.models.standing_in import Consent, ConsentRequest, NotStandingIn, StandIn, StandInRequest
from studyspot.identity.queries import people
from studyspot.identity.queries import sessions as queries
from studyspot.identity.queries import standing_in as consents
from studyspot.identity.service.directory import home_of
from studyspot.identity.service.sessions import claims_of, end_session
from studyspot.kit import audit, clock, ids, tokens
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound

LASTS = timedelta(minutes=30)
PROVEN = Standing(on=True, required=False)
"""Who stands in proved themselves as themselves."""


def stand_in(core: Db, actor: Actor, asked: StandInRequest) -> StandIn:
    """A token with the rights of that person and the name of who really acts."""
    state = people.tenant(core, asked.tenant_id)
    if state is None or not state.placed:
        raise NotFound
    session, until = ids.uuid7(), clock.now() + LASTS
    with home_of(core, asked.tenant_id) as db:
        who = _somebody(core, db, asked.user_id)
        claims = claims_of(who, session, str(session), PROVEN)
        claims["act"] = {"sub": str(actor.id), "userType": actor.user_type}
        with db.transaction():
            queries.open_session(db, session, who.id, who.user_type, claims, until, impersonator=actor.id)
            _note(db, "auth.impersonated", actor.id, actor.user_type, session, who.id, asked.reason)
        may_write = consents.in_force(db) is not None
    audit.note(
        core, "auth.impersonated", "tenants", asked.tenant_id,
        after={"userId": str(who.id), "session": str(session), "reason": asked.reason},
    )  # fmt: skip
    return StandIn(
        access_token=tokens.sign(claims, int(LASTS.total_seconds())), user_id=who.id, tenant_id=asked.tenant_id,
        user_type=who.user_type, expires_at=until, may_write=may_write,
    )  # fmt: skip


def _somebody(core: Db, db: Db, user_id: UUID) -> Person:
    """Of this organisation: its owner, staff or a student, as far as they could sign in themselves."""
    owner = people.owner(core, user_id)
    who = owner if owner and owner.tenant_id == db.tenant else people.user(db, user_id)
    if who is None:
        raise NotFound
    if who.status != "active":
        raise AccountSuspended
    return who


def end(core: Db, db: Db, actor: Actor) -> None:
    """Back to oneself; `db` is the cell of whom one acted for."""
    if actor.impersonator is None:
        raise NotStandingIn
    end_session(db, actor.session_id, "impersonation_ended")
    kind = str(actor.claims["act"]["userType"])
    _note(db, "auth.impersonation_ended", actor.impersonator, kind, actor.session_id, actor.id)
    audit.note(
        core, "auth.impersonation_ended", "tenants", actor.tenant_id, actor_type=kind, actor_id=actor.impersonator,
        after={"userId": str(actor.id), "session": str(actor.session_id)},
    )  # fmt: skip


def _note(db: Db, action: str, by: UUID, kind: str, session: UUID, user: UUID, reason: str | None = None) -> None:
    facts = {"userId": str(user)} | ({"reason": reason} if reason else {})
    audit.note(db, action, "sessions", session, actor_type=kind, actor_id=by, after=facts)


def consent(db: Db, actor: Actor, asked: ConsentRequest) -> Consent:
    """For so many hours."""
    with db.transaction():
        given = consents.give(db, actor.id, clock.now() + timedelta(hours=asked.hours))
        audit.note(db, "auth.impersonation_consented", "tenants", db.tenant, after={"hours": asked.hours})
    return given


def consented(db: Db) -> Consent:
    """The consent in force, or NotFound."""
    found = consents.in_force(db)
    if found is None:
        raise NotFound
    return found


def withdraw(db: Db) -> None:
    """From the next request on they only look."""
    with db.transaction():
        consents.withdraw(db)
        audit.note(db, "auth.impersonation_consent_withdrawn", "tenants", db.tenant)
