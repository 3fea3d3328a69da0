"""/auth - people prove who they are: by password, by a code on their phone, by a mailed link."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from studyspot.entitlements import service as entitlements
from studyspot.identity import service as identity
from studyspot.identity.models import (
    Accepted,
    AcceptRequest,
    AdminLoginRequest,
    Claims,
    EmailRequest,
    EmailVerified,
    Identity,
    InvitationView,
    Invited,
    InviteRequest,
    Joined,
    Letter,
    LoginRequest,
    Me,
    OtpAnswer,
    OtpRequest,
    OtpSent,
    PasswordChange,
    RefreshRequest,
    Registered,
    RegisterRequest,
    ResetRequest,
    TenantStarted,
    TokenRequest,
    Tokens,
)
from studyspot.kit import audit, callers, even
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb, TenantDb
from studyspot.libraries import service as libraries
from studyspot.messaging import service as messaging
from studyspot.tenants import joining
from studyspot.tenants import service as tenants

api = Api("auth")

Anyone = Annotated[Actor, allow()]
Whoever = Annotated[Actor, allow(always=True)]
Inviter = Annotated[Actor, allow("staff:invite")]


@api.post("/auth/admin/login", public=True, even=even.PASSWORD)
def admin_login(asked: AdminLoginRequest, request: Request, core: CoreDb) -> Tokens:
    return _kept(request, identity.admin_login(core, asked))


@api.post("/auth/login", public=True, even=even.PASSWORD)
def login(asked: LoginRequest, request: Request, core: CoreDb) -> Tokens:
    return _kept(request, identity.login(core, asked, _named_tenant(request)))


@api.post("/auth/register", status_code=201, public=True)
def register(asked: RegisterRequest, core: CoreDb) -> Registered:
    password_hash = identity.prepare_registration(core, asked)
    if asked.kind != "library_owner":
        user, letter, found = joining.join(core, asked, password_hash)
        _mail(core, letter)
        tenant = TenantStarted(id=found.door.id, slug=found.door.slug, status=found.door.status)
        return Registered(user=user, tenant=tenant)
    with core.transaction():
        started = tenants.sign_up(core, asked.name or "", asked.email, password_hash, asked.tenant_name or "")
        user, letter = identity.registered(core, started.owner_id)
        _mail(core, letter)
    return Registered(user=user, tenant=TenantStarted(id=started.tenant_id, slug=started.slug, status=started.status))


@api.post("/auth/verify-email", public=True)
def verify_email(asked: TokenRequest, core: CoreDb) -> EmailVerified:
    return identity.verify_email(core, asked.token)


@api.post("/auth/resend-verification", status_code=202, public=True, even=even.MESSAGE)
def resend_verification(asked: EmailRequest, core: CoreDb) -> Accepted:
    identity.request_verification(core, asked.email, lambda letter: _mail(core, letter))
    return Accepted()


@api.post("/auth/forgot-password", status_code=202, public=True, even=even.MESSAGE)
def forgot_password(asked: EmailRequest, core: CoreDb) -> Accepted:
    identity.request_reset(core, asked.email, lambda letter: _mail(core, letter))
    return Accepted()


@api.post("/auth/reset-password", status_code=204, public=True)
def reset_password(asked: ResetRequest, core: CoreDb) -> None:
    identity.reset_password(core, asked, lambda letter: _mail(core, letter))


@api.post("/auth/password/change", status_code=204, while_leaving=True, keyed="ignored")
def change_password(asked: PasswordChange, actor: Anyone, core: CoreDb, db: TenantDb) -> None:
    own = _own(actor, core, db)
    identity.change_password(core, own, actor, asked, lambda letter: _mail(own, letter))


@api.post("/auth/invitations", status_code=201)
def invite(asked: InviteRequest, actor: Inviter, db: TenantDb, core: CoreDb) -> Invited:
    if asked.library_ids and not libraries.are_there(db, asked.library_ids):
        raise Invalid.field("libraryIds", "not all of these are libraries")
    shown, letter = identity.invite_staff(core, db, actor, asked, entitlements.allowed(db, "staff"))
    _mail(db, letter)
    return shown


@api.get("/auth/invitations/{token}", public=True)
def invitation(token: str, core: CoreDb) -> InvitationView:
    return identity.invited(core, token)


@api.post("/auth/invitations/{token}/accept", public=True)
def accept(token: str, asked: AcceptRequest, core: CoreDb) -> Joined:
    return Joined(user=identity.accept(core, token, asked))


@api.post("/auth/otp/request", status_code=202, while_leaving=True, public=True, even=even.MESSAGE)
def request_otp(asked: OtpRequest, db: TenantDb, core: CoreDb) -> OtpSent:
    def send(code: str, to: Identity) -> None:
        messaging.send(db, "otp_login", asked.phone, {"code": code}, to.user_id, to.user_type)

    return identity.request_otp(core, db, asked.phone, send)


@api.post("/auth/otp/verify", while_leaving=True, public=True, even=even.MESSAGE)
def verify_otp(asked: OtpAnswer, request: Request, db: TenantDb, core: CoreDb) -> Tokens:
    return _kept(request, identity.verify_otp(core, db, asked.phone, asked.code))


@api.post("/auth/refresh", while_leaving=True, public=True)
def refresh(asked: RefreshRequest, request: Request, core: CoreDb) -> Tokens:
    by_cookie = asked.refresh_token is None
    return _kept(request, identity.refresh(core, asked.refresh_token or callers.presented(request), _mail), by_cookie)


@api.post("/auth/logout", status_code=204, while_leaving=True, keyed="ignored")
def logout(actor: Whoever, request: Request, core: CoreDb, db: TenantDb) -> None:
    own = _own(actor, core, db)
    identity.end_session(own, actor.session_id)
    audit.note(own, "auth.logout", actor.user_type, actor.id)
    callers.forget(request)


@api.post("/auth/verify", while_leaving=True, keyed="ignored")
def verify(actor: Whoever) -> Claims:
    return Claims(valid=True, claims=actor.claims)


@api.get("/auth/me")
def me(actor: Whoever, core: CoreDb, db: TenantDb) -> Me:
    return identity.me(core, _own(actor, core, db), actor)


def _own(actor: Actor, core: Db, db: Db) -> Db:
    """The actor's own cell, also while a platform user looks into a tenant."""
    return core if actor.is_platform else db


def _kept(request: Request, pair: Tokens, by_cookie: bool = False) -> Tokens:
    """A browser that asked for it keeps the session in a cookie."""
    callers.keep(request, pair.refresh_token, by_cookie)
    return pair


def _named_tenant(request: Request) -> UUID | None:
    named = request.headers.get("x-tenant-id")
    try:
        return UUID(named) if named else None
    except ValueError:
        raise NotFound from None


def _mail(db: Db, letter: Letter) -> None:
    """Have messaging mail what identity has to say."""
    messaging.mail(db, letter.template, letter.to, letter.variables, letter.recipient_id, letter.recipient_type)


handler = api.handler
