"""/users/me - everybody's own account; /admin/users, /admin/roles, /admin/permissions - the people of the platform."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from studyspot.audit.models import ActionSought, Entry
from studyspot.files.models import Upload
from studyspot.identity.models import LastAdmin, Letter, PasswordChange
from studyspot.identity.models.staff import (
    AdminStatus,
    AvatarRequest,
    Permission,
    PlatformChange,
    PlatformInvite,
    PlatformUser,
    Profile,
    ProfileChange,
    Reason,
    Role,
    RoleChange,
    RoleRequest,
)
from studyspot.identity.service import change_password, end_sessions, platform, profile, roles
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.db import Db
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.messaging import service as messaging
from studyspot.privacy import service as privacy
from studyspot.privacy.models import Closing

api = Api("users")
handler = api.handler

Anyone = Annotated[Actor, allow()]
UserId = Annotated[UUID, Of("admin_users")]
RoleId = Annotated[UUID, Of("roles")]
Reader = Annotated[Actor, allow("admin_users:read")]
Admin = Annotated[Actor, allow("admin_users:manage")]
RoleAdmin = Annotated[Actor, allow("admin_roles:manage")]


@api.get("/users/me")
def me(actor: Anyone, core: CoreDb, db: TenantDb) -> Profile:
    return profile.profile(core, _own(actor, core, db), actor)


@api.put("/users/me")
def change_me(asked: ProfileChange, actor: Anyone, core: CoreDb, db: TenantDb, http: Request) -> Profile:
    return profile.change(core, _own(actor, core, db), actor, asked, http.headers.get("if-match"))


@api.put("/users/me/password", status_code=204)
def change_my_password(asked: PasswordChange, actor: Anyone, core: CoreDb, db: TenantDb) -> None:
    own = _own(actor, core, db)
    change_password(core, own, actor, asked, lambda letter: _mail(own, letter))


@api.post("/users/me/avatar", status_code=201, keyed="ignored")
def my_avatar(asked: AvatarRequest, actor: Anyone, core: CoreDb, db: TenantDb) -> Upload:
    """A signed address for the picture; `PUT /users/me` with its id makes it the avatar."""
    return profile.avatar(_own(actor, core, db), actor, asked)


@api.delete("/users/me", status_code=202)
def close_me(actor: Anyone, core: CoreDb, db: TenantDb) -> Closing:
    """Signed out everywhere; students and staff with a request to erase them, decided by its due date. An owner hands
    the organisation over, or closes it, first."""
    if actor.user_type == "library_owner":
        raise LastAdmin
    if actor.is_platform:
        platform.resign(core, actor)
        return Closing(status="deactivated", request=None)
    with db.transaction():
        request = privacy.open_erasure(db, actor)
        end_sessions(db, actor.id, "closed")
    return Closing(status="erasure_requested", request=request)


@api.get("/users/me/activity")
def my_activity(
    actor: Anyone, core: CoreDb, db: TenantDb, paging: Paging, action: ActionSought | None = None
) -> Page[Entry]:
    return profile.deeds(_own(actor, core, db), actor, paging, action)


@api.get("/admin/users")
def listed(
    actor: Reader,
    core: CoreDb,
    paging: Paging,
    status: AdminStatus | None = None,
    user_type: Literal["platform_admin", "platform_staff"] | None = None,
    q: str | None = None,
) -> Page[PlatformUser]:
    return platform.listed(core, paging, status=status, user_type=user_type, q=q)


@api.post("/admin/users", status_code=201)
def create(asked: PlatformInvite, actor: Admin, core: CoreDb) -> PlatformUser:
    """Invited by mail; they choose their password by its link."""
    made, letter = platform.create(core, actor, asked)
    _mail(core, letter)
    return made


@api.get("/admin/users/{userId}")
def read(user_id: UserId, actor: Reader, core: CoreDb) -> PlatformUser:
    return platform.read(core, user_id)


@api.put("/admin/users/{userId}")
def change(user_id: UserId, asked: PlatformChange, actor: Admin, core: CoreDb, http: Request) -> PlatformUser:
    return platform.change(core, actor, user_id, asked, http.headers.get("if-match"))


@api.delete("/admin/users/{userId}")
def deactivate(user_id: UserId, actor: Admin, core: CoreDb) -> None:
    platform.deactivate(core, actor, user_id)


@api.get("/admin/users/{userId}/activity")
def activity(
    user_id: UserId, actor: Admin, core: CoreDb, paging: Paging, action: ActionSought | None = None
) -> Page[Entry]:
    """Sign-ins good and bad, and what they did on the platform."""
    return platform.deeds(core, user_id, paging, action)


@api.post("/admin/users/{userId}/suspend")
def suspend(user_id: UserId, asked: Reason, actor: Admin, core: CoreDb) -> PlatformUser:
    return platform.suspend(core, actor, user_id, asked.reason)


@api.post("/admin/users/{userId}/reactivate")
def reactivate(user_id: UserId, actor: Admin, core: CoreDb) -> PlatformUser:
    """After a deactivation a new password is chosen by mail."""
    made, letter = platform.reactivate(core, actor, user_id)
    if letter:
        _mail(core, letter)
    return made


@api.post("/admin/users/{userId}/reset-password", status_code=204)
def reset_password(user_id: UserId, actor: Admin, core: CoreDb) -> None:
    """The password is void and every session ended; a new one is chosen by mail."""
    _mail(core, platform.reset_password(core, actor, user_id))


@api.get("/admin/roles")
def platform_roles(actor: RoleAdmin, core: CoreDb) -> list[Role]:
    return roles.listed(core, platform.counts(core))


@api.post("/admin/roles", status_code=201)
def create_role(asked: RoleRequest, actor: RoleAdmin, core: CoreDb) -> Role:
    return roles.create(core, actor, asked)


@api.put("/admin/roles/{roleId}")
def change_role(role_id: RoleId, asked: RoleChange, actor: RoleAdmin, core: CoreDb) -> Role:
    return roles.change(core, actor, role_id, asked, platform.holders)


@api.delete("/admin/roles/{roleId}")
def delete_role(role_id: RoleId, actor: RoleAdmin, core: CoreDb) -> None:
    roles.delete(core, actor, role_id)


@api.get("/admin/permissions")
def permissions(actor: Annotated[Actor, allow("permissions:read")], db: TenantDb) -> list[Permission]:
    """Every permission that can matter here, and whether the caller can give it."""
    return roles.catalogue(db, actor)


def _own(actor: Actor, core: Db, db: Db) -> Db:
    """The actor's own cell, also while a platform user looks into a tenant."""
    return core if actor.is_platform else db


def _mail(core: Db, letter: Letter) -> None:
    messaging.mail(core, letter.template, letter.to, letter.variables, letter.recipient_id, letter.recipient_type)
