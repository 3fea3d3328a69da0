"""People of several organisations go from one to another without signing in again."""

from __future__ import annotations

from studyspot.identity.models import AccountSuspended, Person, SwitchRequest, TenantSelectionRequired, Tokens
from studyspot.identity.queries import people
from studyspot.identity.service.directory import Candidate, Kind, candidates, hash_of, home_of, person, place_of
from studyspot.identity.service.sessions import start_session
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound


def switch_tenant(core: Db, db: Db, actor: Actor, asked: SwitchRequest) -> Tokens:
    """A session of the same person elsewhere. Without a tenant, the choices; `db` is the actor's own tenant's.

    The same person is who proved the same address: a mail that nobody answered, or a number that somebody else
    entered, opens no account.
    """
    known = person(core, db, actor.user_type, actor.id)
    if known is None or actor.is_platform:
        raise NotFound
    others = [one for one in _elsewhere(core, known) if one[0].tenant_id != actor.tenant_id]
    if asked.tenant_id is None:
        raise TenantSelectionRequired(choices=[_choice(one) for one in others])
    chosen = next((one for one in others if _is(one[0], asked)), None)
    if chosen is None:
        raise NotFound
    who, state = chosen
    if state:
        state.admit()
    if who.status != "active":
        raise AccountSuspended
    with home_of(core, who.tenant_id) as there:
        people.seen(place_of(core, there, who.user_type), who)
        return start_session(there, who, "switch")


def _elsewhere(core: Db, known: Person) -> list[Candidate]:
    """Everybody who proved an address that this person proved, too; owners before staff before students."""
    found: dict[object, Candidate] = {}
    if known.email and known.email_verified:
        for who, state in candidates(core, "email", known.email):
            if who.email == known.email and who.email_verified:
                found[who.id] = (who, state)
    if known.phone and _still_theirs(core, known, "phone", known.phone):
        for who, state in candidates(core, "phone", known.phone):
            if who.phone == known.phone and who.user_type == "student":
                found.setdefault(who.id, (who, state))
    return list(found.values())


def _still_theirs(core: Db, known: Person, kind: Kind, value: str) -> bool:
    """A student's number was proved by a code at the first sign-in; the directory says whether it still holds."""
    named = people.identified(core, kind, hash_of(kind, value), known.tenant_id)
    return known.user_type == "student" and any(one.user_id == known.id for one in named)


def _is(who: Person, asked: SwitchRequest) -> bool:
    return who.tenant_id == asked.tenant_id and asked.user_type in (None, who.user_type)


def _choice(candidate: Candidate) -> dict[str, str | None]:
    who, state = candidate
    return {
        "tenantId": str(who.tenant_id),
        "tenantName": state.name if state else None,
        "userType": who.user_type,
    }
