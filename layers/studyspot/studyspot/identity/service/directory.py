"""The directory of people: whom an e-mail or phone belongs to, and where their own row is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal
from uuid import UUID

from studyspot.identity import passwords
from studyspot.identity.models import Identity, Person, TenantState, User
from studyspot.identity.queries import people, sessions
from studyspot.kit import cells, ids, permissions, settings
from studyspot.kit.crypto import keyed_hash
from studyspot.kit.db import Db
from studyspot.kit.ids import PLATFORM

Kind = Literal["email", "phone"]
Candidate = tuple[Person, TenantState | None]
"""Somebody an e-mail may belong to, and the state of their tenant."""
PLATFORM_TYPES = ("platform_admin", "platform_staff")


class NotInDeployedStages(Exception):
    """A stage that is deployed gets its first administrator from its operator, not from a known password."""


def hash_of(kind: Kind, value: str) -> str:
    """The directory holds no address in the clear."""
    return keyed_hash(f"identity-{kind}", value.strip().lower())


def add_identity(core: Db, kind: Kind, value: str, user_type: str, tenant: UUID, user_id: UUID) -> None:
    """They can be found by it at sign-in (safe to repeat)."""
    add_identities(core, kind, user_type, tenant, {user_id: value})


def add_identities(core: Db, kind: Kind, user_type: str, tenant: UUID, values: Mapping[UUID, str]) -> None:
    """Many people of one tenant in one statement: user id to e-mail or phone."""
    hashes = [hash_of(kind, value) for value in values.values()]
    people.add_identities(core, kind, user_type, tenant, hashes, list(values))


def remove_identities(core: Db, tenant: UUID, user_id: UUID, kind: Kind | None = None) -> None:
    """They can no longer be found: by this kind, or at all."""
    people.drop_identities(core, tenant, user_id, kind)


def add_member(db: Db, name: str, phone: str) -> UUID:
    """Somebody who is neither staff nor student and signs in by phone, once the directory is told."""
    user_id = ids.uuid7()
    people.add_member(db, user_id, name, phone)
    return user_id


def forget(core: Db, tenant: UUID, users: Sequence[UUID]) -> None:
    """Many people of one tenant who can no longer be found."""
    if users:
        people.drop_many(core, tenant, users)


def suspend(db: Db, user_id: UUID, user_type: str, reason: str) -> None:
    """Staff or a student of this cell: every session ends, sign-in answers `account_suspended`."""
    people.set_status(db, user_id, user_type, "suspended")
    sessions.end_all(db, user_id, reason, None)


def reactivate(db: Db, user_id: UUID, user_type: str) -> None:
    """They may sign in again."""
    people.set_status(db, user_id, user_type, "active")


def ensure_admin(core: Db, email: str, password: str) -> bool:
    """The administrator of a local stage; False when there is one by that address."""
    if settings.get().deployed:
        raise NotInDeployedStages
    passwords.must_be_strong(password, email, admin=True)
    return people.add_admin(core, ids.uuid7(), email.lower(), "Administrator", passwords.hashed(password))


@contextmanager
def home_of(core: Db, tenant: UUID) -> Iterator[Db]:
    """The cell somebody's sessions are in; committed at the end, also of what was decided before a refusal."""
    if tenant == PLATFORM:
        yield core
        return
    with cells.tenant_db(tenant) as db:
        db.origin = core.origin
        yield db


def place_of(core: Db, db: Db, user_type: str) -> Db:
    """Where the row of such a person is: core, or their cell `db`."""
    return core if user_type in (*PLATFORM_TYPES, "library_owner") else db


def person(core: Db, db: Db, user_type: str, user_id: UUID) -> Person | None:
    """Somebody by id; `db` is their cell."""
    if user_type == "library_owner":
        return people.owner(core, user_id)
    if user_type in PLATFORM_TYPES:
        return people.admin(core, user_id)
    return people.user(db, user_id)


@contextmanager
def row_of(core: Db, user_type: str, tenant: UUID) -> Iterator[Db]:
    """Where the row of such a person is, for a change that needs no cell when the row is in core."""
    with home_of(core, PLATFORM if user_type in (*PLATFORM_TYPES, "library_owner") else tenant) as db:
        yield db


def candidates(
    core: Db, kind: Kind, value: str, tenant: UUID | None = None, user_type: str | None = None
) -> list[Candidate]:
    """Whom the e-mail or phone belongs to (in one tenant, or anywhere): owners before staff before students."""
    found = people.identified(core, kind, hash_of(kind, value), tenant)
    if user_type:
        found = [identity for identity in found if identity.user_type == user_type]
    states = people.tenants(core, [identity.tenant_id for identity in found]) if found else {}
    known = [(_known(core, i, states.get(i.tenant_id)), states.get(i.tenant_id)) for i in found]
    return [(who, state) for who, state in known if who]


def _known(core: Db, identity: Identity, state: TenantState | None) -> Person | None:
    if identity.user_type == "library_owner":
        return people.owner(core, identity.user_id)
    if state is None or not state.placed:
        return None
    with home_of(core, identity.tenant_id) as db:
        return people.user(db, identity.user_id)


def as_user(person: Person) -> User:
    """What may be shown, with everything the roles allow."""
    facts = person.model_dump(exclude={"password_hash", "status", "permissions"})
    return User(**facts, permissions=permissions.of(person.roles, person.permissions))
