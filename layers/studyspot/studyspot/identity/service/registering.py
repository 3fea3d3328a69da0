"""Signing up by oneself: an owner, or somebody who joins an organisation that is there."""

from __future__ import annotations

from uuid import UUID

from studyspot.identity import passwords
from studyspot.identity.models import Letter, Person, RegisterRequest, User
from studyspot.identity.queries import people
from studyspot.identity.service import accounts
from studyspot.identity.service.directory import add_identity, as_user
from studyspot.identity.service.recovery import verification
from studyspot.kit import audit, outbox
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound


def prepare_registration(core: Db, asked: RegisterRequest) -> str:
    """Counts the try and answers the hash of a password that is strong enough."""
    asked.must_be_whole()
    accounts.take_turn(core, "register", asked.email)
    passwords.must_be_strong(asked.password, asked.email)
    return passwords.hashed(asked.password)


def registered(core: Db, owner_id: UUID) -> tuple[User, Letter]:
    """An owner signed up, in the transaction that made the owner's row: what they see, and the mail they get."""
    known = people.owner(core, owner_id)
    if known is None:
        raise NotFound
    _signed_up(core, known)
    return as_user(known), verification(core, known)


def join(core: Db, db: Db, user_id: UUID, asked: RegisterRequest, password_hash: str) -> tuple[User, Letter]:
    """Somebody signs up in the tenant of `db`, inside the caller's transaction; EmailTaken when one has that role."""
    known = people.add_user(
        db,
        id=user_id,
        email=asked.email,
        password_hash=password_hash,
        name=asked.name,
        role=asked.kind,
        permissions=[],
        library_ids=None,
        verified_at=None,
    )
    _signed_up(db, known)
    add_identity(core, "email", asked.email, known.user_type, db.tenant, known.id)
    return as_user(known), verification(core, known)


def _signed_up(db: Db, known: Person) -> None:
    audit.note(db, "auth.register", known.user_type, known.id, actor_type=known.user_type, actor_id=known.id)
    outbox.emit(db, "user.signed_up", known.id, {"userType": known.user_type, "tenantId": str(known.tenant_id)})
