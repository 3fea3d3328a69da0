"""Invitations: a mailed link by which somebody sets a password and joins a tenant in a role."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from studyspot.identity import passwords
from studyspot.identity.models import (
    AcceptRequest,
    EmailNotVerified,
    EmailTaken,
    Invitation,
    InvitationExpired,
    InvitationView,
    Invited,
    InviteRequest,
    Letter,
    StaffLimitReached,
    User,
)
from studyspot.identity.models.staff import PendingInvitation
from studyspot.identity.queries import links, people, platform, staff
from studyspot.identity.service import rights
from studyspot.identity.service.directory import PLATFORM_TYPES, add_identity, as_user, home_of, person
from studyspot.kit import audit, clock, ids, opaque, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging

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
        role=role or user_type, role_id=None, permissions=list(permissions), library_ids=bound,
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
    return kept, _letter(kept, token, tenant_name)


def _letter(kept: Invitation, token: str, tenant_name: str) -> Letter:
    return Letter(
        template="invitation", to=kept.email, recipient_id=kept.user_id, recipient_type=kept.user_type,
        variables={"token": token, "tenant": tenant_name, "name": kept.name},
    )  # fmt: skip


def invite_staff(core: Db, db: Db, actor: Actor, asked: InviteRequest, places: int | None) -> tuple[Invited, Letter]:
    """Staff, with nothing the inviter lacks; `places` is how many the plan has, None for no limit."""
    rights.must_be_inside(db)
    author = person(core, db, actor.user_type, actor.id)
    if author is None or not author.email_verified:
        raise EmailNotVerified
    state = people.tenant(core, db.tenant)
    with db.transaction():
        grant = rights.granted(db, actor, asked.role, asked.permissions)
        rights.must_reach(actor, asked.library_ids)
        if staff.places_taken(db) >= (math.inf if places is None else places):
            raise StaffLimitReached(limit=places)
        if links.is_invited(db, asked.email) or people.works_here(db, asked.email):
            raise EmailTaken
        kept, letter = _invite(
            db, email=asked.email, user_type="library_staff", invited_to=db.tenant, user_id=ids.uuid7(),
            name=asked.name, role="library_staff", role_id=grant.own, permissions=asked.permissions,
            library_ids=asked.library_ids, tenant_name=state.name if state else "StudySpot",
        )  # fmt: skip
    shown = Invited(id=kept.id, email=kept.email, name=kept.name, role=asked.role, expires_at=kept.expires_at)
    return shown, letter


def pending(db: Db, paging: Paging) -> Page[PendingInvitation]:
    """Whom the organisation waits for."""
    found = paging.page(links.pending(db, paging))
    return Page(items=[shown_pending(kept) for kept in found.items], meta=found.meta)


def shown_pending(kept: Invitation) -> PendingInvitation:
    """Without its token, which only the mail has."""
    facts = kept.model_dump(include=set(PendingInvitation.model_fields) - {"role"})
    return PendingInvitation(**facts, role=str(kept.role_id) if kept.role_id else kept.role)


def resend(core: Db, db: Db, actor: Actor, invitation_id: UUID, places: int | None) -> tuple[Invited, Letter]:
    """A new link for a week; the old one is dead from this commit on."""
    state = people.tenant(core, db.tenant)
    token = opaque.mint(PURPOSE, db.tenant)
    with db.transaction():
        before = _managed(db, actor, invitation_id)
        if before.expires_at <= clock.now() and staff.places_taken(db) >= (math.inf if places is None else places):
            raise StaffLimitReached(limit=places)
        kept = links.resend(db, before.id, opaque.hashed(PURPOSE, token), clock.now() + LIFETIME)
        audit.note(db, "staff.invitation_resent", "invitations", kept.id, {"expires_at": before.expires_at},
                   {"expires_at": kept.expires_at})  # fmt: skip
    role = str(kept.role_id) if kept.role_id else kept.role
    shown = Invited(id=kept.id, email=kept.email, name=kept.name, role=role, expires_at=kept.expires_at)
    return shown, _letter(kept, token, state.name if state else "StudySpot")


def revoke(db: Db, actor: Actor, invitation_id: UUID) -> None:
    """Its link names nothing any more."""
    with db.transaction():
        before = _managed(db, actor, invitation_id)
        links.revoke(db, before.id)
        audit.note(
            db, "staff.invitation_revoked", "invitations", before.id, shown_pending(before).model_dump(mode="json")
        )


def _managed(db: Db, actor: Actor, invitation_id: UUID) -> Invitation:
    """Pending, and to no more than the actor holds: whoever resends it gives it."""
    kept = links.pending_one(db, invitation_id)
    rights.granted(db, actor, str(kept.role_id) if kept.role_id else kept.role, kept.permissions)
    rights.must_reach(actor, kept.library_ids)
    return kept


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
        of_platform = kept.user_type in PLATFORM_TYPES
        passwords.must_be_strong(asked.password, kept.email, of_platform)
        hashed = passwords.hashed(asked.password)
        # Harmless if the rest fails: an entry of the directory without a person leads nowhere.
        if not of_platform:
            add_identity(core, "email", kept.email, kept.user_type, kept.invited_to, kept.user_id)
        with db.transaction():
            if not links.accept(db, kept.id, opaque.hashed(PURPOSE, token)):
                raise InvitationExpired
            user = _joins(core, db, kept, asked, hashed)
            audit.note(db, "auth.accept", kept.user_type, user.id, actor_type=kept.user_type, actor_id=user.id)
            outbox.emit(db, "user.signed_up", user.id, {"userType": kept.user_type})
    return user


def _joins(core: Db, db: Db, kept: Invitation, asked: AcceptRequest, hashed: str) -> User:
    if kept.user_type in PLATFORM_TYPES:
        return _platform_user_joins(core, kept, hashed)
    if kept.user_type == "library_owner":
        return _owner_joins(core, kept, hashed)
    return _staff_joins(db, kept, asked, hashed)


def _platform_user_joins(core: Db, kept: Invitation, hashed: str) -> User:
    if not platform.join(core, kept.user_id, hashed):
        raise InvitationExpired
    joined = people.admin(core, kept.user_id)
    assert joined is not None, "the row was just written"
    return as_user(joined)


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
            role_id=kept.role_id,
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
    if kept.accepted_at or kept.revoked_at or kept.expires_at <= clock.now():
        raise InvitationExpired
    return kept
