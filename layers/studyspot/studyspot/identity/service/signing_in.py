"""Signing in by password: alike in answer and time for people we know and people we do not."""

from __future__ import annotations

from uuid import UUID

from studyspot.identity import passwords
from studyspot.identity.models import (
    AccountLocked,
    AccountSuspended,
    AdminLoginRequest,
    InvalidCredentials,
    LoginRequest,
    Me,
    Person,
    TenantSelectionRequired,
    TenantView,
    Tokens,
)
from studyspot.identity.queries import people
from studyspot.identity.service import accounts
from studyspot.identity.service.accounts import Realm
from studyspot.identity.service.directory import Candidate, as_user, candidates, home_of, person, place_of
from studyspot.identity.service.sessions import start_session
from studyspot.kit import audit, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound, Problem
from studyspot.kit.ids import PLATFORM


def admin_login(core: Db, asked: AdminLoginRequest) -> Tokens:
    """Platform administrators and staff."""
    account = _turn(core, "admin", asked.email)
    known = people.admin_with_email(core, asked.email)
    found: list[Candidate] = [(known, None)] if known else []
    return _enter(core, account, _matching(core, account, found, asked.password)[0], asked.password)


def login(core: Db, asked: LoginRequest, tenant: UUID | None) -> Tokens:
    """Owners, staff and students. Without `tenant` the directory says where; several hits have to be chosen from."""
    if tenant is not None and people.tenant(core, tenant) is None:
        raise NotFound
    account = _turn(core, "people", asked.email)
    matched = _matching(core, account, candidates(core, "email", asked.email, tenant, asked.user_type), asked.password)
    if len(matched) > 1 and tenant is None:
        raise TenantSelectionRequired(choices=[_choice(candidate) for candidate in matched])
    return _enter(core, account, matched[0], asked.password)


def _turn(core: Db, realm: Realm, email: str) -> str:
    try:
        return accounts.take_turn(core, realm, email)
    except AccountLocked as refusal:
        _note_refusal(core, accounts.account_of(realm, email), None, refusal.code)
        core.commit()
        raise


def _matching(core: Db, account: str, found: list[Candidate], password: str) -> list[Candidate]:
    """Those whose password it is, or InvalidCredentials; nobody takes as long as somebody."""
    if not found:
        passwords.matches(password, None)
    matched = [c for c in found if passwords.matches(password, c[0].password_hash)]
    if not matched:
        _count_failure(core, account, found[0] if found else None)
        raise InvalidCredentials
    return matched


def _choice(candidate: Candidate) -> dict[str, str | None]:
    known, state = candidate
    name = state.name if state else None
    return {"tenantId": str(known.tenant_id), "tenantName": name, "userType": known.user_type}


def _count_failure(core: Db, account: str, candidate: Candidate | None) -> None:
    """Lasts before the refusal; noted where the person's tenant can see it."""
    known, state = candidate or (None, None)
    with core.transaction():
        if accounts.failed(core, account):
            outbox.emit(core, "user.locked", known.id if known else PLATFORM, {"known": known is not None})
        if not (state and state.placed):
            _note_refusal(core, account, known, InvalidCredentials.code)
    core.commit()
    if known and state and state.placed:
        with home_of(core, known.tenant_id) as db:
            _note_refusal(db, account, known, InvalidCredentials.code)


def _note_refusal(db: Db, account: str, known: Person | None, reason: str) -> None:
    audit.note(
        db, "auth.login_failed", known.user_type if known else "unknown", known.id if known else None,
        after={"account": account[:16], "reason": reason}, actor_type=known.user_type if known else "anonymous",
        actor_id=known.id if known else None,
    )  # fmt: skip


def _enter(core: Db, account: str, candidate: Candidate, password: str) -> Tokens:
    """The password was right; whether they may come in depends on lock, tenant and account."""
    known, state = candidate
    try:
        accounts.succeeded(core, account)
        if state:
            state.admit()
        if known.status != "active":
            raise AccountSuspended
    except Problem as refusal:
        _note_refusal(core, account, known, refusal.code)
        core.commit()
        raise
    with home_of(core, known.tenant_id) as db:
        place = place_of(core, db, known.user_type)
        if known.password_hash and passwords.outdated(known.password_hash):
            people.set_password(place, known.user_type, known.id, passwords.hashed(password))
        people.seen(place, known)
        return start_session(db, known, "password")


def me(core: Db, db: Db, actor: Actor) -> Me:
    """The caller, as they are now; `db` is their own tenant's."""
    known = person(core, db, actor.user_type, actor.id)
    if known is None:
        raise NotFound
    user = as_user(known)
    state = None if actor.is_platform else people.home(core, actor.tenant_id)
    tenant = TenantView(id=state.id, name=state.name, slug=state.slug, status=state.status) if state else None
    allowed = people.entitlements(db)
    flags = {name for name, value in allowed.features.items() if value is True} | set(state.flags if state else ())
    return Me(user=user, tenant=tenant, permissions=user.permissions, entitlements=allowed, flags=sorted(flags))
