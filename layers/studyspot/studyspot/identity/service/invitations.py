"""Invitations: a mailed link by which somebody sets a password and joins a tenant in a role."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from studyspot.identity import passwords
from studyspot.identity.models import (
    AcceptRequest,
    EmailNotVerified,
    Invitation,
    InvitationExpired,
    InvitationView,
    Invited,
    InviteRequest,
    Letter,
    PrivilegeEscalation,
    User,
)
from studyspot.identity.queries import links, people
from studyspot.identity.service.directory import add_identity, as_user, home_of, person
from studyspot.kit import audit, clock, ids, opaque, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.ids import PLATFORM
from studyspot.kit.permissions import ACTING_FOR_TENANT
from studyspot.kit.permissions import of as allowed

LIFETIME = timedelta(days=7)
PURPOSE = "invitation"


def invite(
    db: Db,
    email: str,
    user_type: str,
    tenant_id: UUID,
    user_id: UUID,
    name: str = "",
    role: str | None = None,
    permissions: Sequence[str] = (),
    library_ids: Sequence[UUID] | None = None,
    tenant_name: str = "StudySpot",
) -> Letter:
    """Keeps the invitation in `db` (core for owners) and answers the mail that the caller has to have sent."""
    bound = None if library_ids is None else list(library_ids)
    return _invite(
        db, email=email, user_type=user_type, invited_to=tenant_id, user_id=user_id, name=name,
        role=role or user_type, permissions=list(permissions), library_ids=bound,
        tenant_name=tenant_name,
    )[1]  # fmt: skip


def _invite(db: Db, tenant_name: str, **columns: object) -> tuple[Invitation, Letter]:
    token = opaque.mint(PURPOSE, db.tenant)
    kept = links.invite(
        db,
        **columns,
        token_hash=opaque.hashed(PURPOSE, token),
        invited_by=db.actor.id if db.actor else None,
        expires_at=clock.now() + LIFETIME,
    )
    audit.note(db, "auth.invite", kept.user_type, kept.user_id, after={"role": kept.role})
    variables = {"token": token, "tenant": tenant_name, "name": kept.name}
    letter = Letter(
        template="invitation", to=kept.email, variables=variables, recipient_id=kept.user_id,
        recipient_type=kept.user_type,
    )  # fmt: skip
    return kept, letter


def invite_staff(core: Db, db: Db, actor: Actor, asked: InviteRequest) -> tuple[Invited, Letter]:
    """An owner invites staff, with nothing the owner lacks."""
    author = person(core, db, actor.user_type, actor.id)
    if author is None or not author.email_verified:
        raise EmailNotVerified
    held = ACTING_FOR_TENANT if actor.is_platform else actor.permissions
    if not held.issuperset(allowed([asked.role], asked.permissions)):
        raise PrivilegeEscalation
    state = people.tenant(core, db.tenant)
    with db.transaction():
        kept, letter = _invite(
            db, email=asked.email, user_type="library_staff", invited_to=db.tenant, user_id=ids.uuid7(),
            name=asked.name, role=asked.role, permissions=asked.permissions, library_ids=asked.library_ids,
            tenant_name=state.name if state else "StudySpot",
        )  # fmt: skip
    shown = Invited(id=kept.id, email=kept.email, name=kept.name, role=kept.role, expires_at=kept.expires_at)
    return shown, letter


def invited(core: Db, token: str) -> InvitationView:
    """What the invited see before they accept."""
    with home_of(core, _home(token)) as db:
        kept = _valid(db, token)
    state = people.tenant(core, kept.invited_to)
    return InvitationView(
        email=kept.email,
        name=kept.name,
        tenant_name=state.name if state else "StudySpot",
        user_type=kept.user_type,
        role=kept.role,
        expires_at=kept.expires_at,
    )


def accept(core: Db, token: str, asked: AcceptRequest) -> User:
    """Sets the password, once. The mail that brought the link proves the address."""
    home = _home(token)
    with home_of(core, home) as db:
        kept = _valid(db, token)
        passwords.must_be_strong(asked.password, kept.email)
        hashed = passwords.hashed(asked.password)
        # Harmless if the rest fails: an entry of the directory without a person leads nowhere.
        add_identity(core, "email", kept.email, kept.user_type, kept.invited_to, kept.user_id)
        with db.transaction():
            if not links.accept(db, kept.id):
                raise InvitationExpired
            user = _owner_joins(core, kept, hashed) if home == PLATFORM else _staff_joins(db, kept, asked, hashed)
            audit.note(db, "auth.accept", kept.user_type, user.id, actor_type=kept.user_type, actor_id=user.id)
            outbox.emit(db, "user.signed_up", user.id, {"userType": kept.user_type})
    return user


def _owner_joins(core: Db, kept: Invitation, hashed: str) -> User:
    people.set_password(core, kept.user_type, kept.user_id, hashed)
    if not people.mark_verified(core, kept.user_type, kept.user_id, kept.email):
        raise InvitationExpired
    owner = people.owner(core, kept.user_id)
    assert owner is not None, "the row was just written"
    return as_user(owner)


def _staff_joins(db: Db, kept: Invitation, asked: AcceptRequest, hashed: str) -> User:
    return as_user(
        people.add_user(
            db,
            id=kept.user_id,
            email=kept.email,
            password_hash=hashed,
            name=asked.name or kept.name,
            role=kept.role,
            permissions=kept.permissions,
            library_ids=kept.library_ids,
            verified_at=clock.now(),
        )
    )


def _home(token: str) -> UUID:
    home = opaque.home(PURPOSE, token)
    if home is None:
        raise NotFound
    return home


def _valid(db: Db, token: str) -> Invitation:
    kept = links.invitation(db, opaque.hashed(PURPOSE, token))
    if kept is None:
        raise NotFound
    if kept.accepted_at or kept.expires_at <= clock.now():
        raise InvitationExpired
    return kept
