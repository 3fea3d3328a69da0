"""Staff, roles and platform users as those who manage them send and see them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.identity.models.exchanges import LibraryIds, Permissions, RoleKey
from studyspot.keys.models import ApiKey
from studyspot.kit.models import Change, Email, Model, Name, Paise, Phone, Text, Timestamp

Time = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
StaffStatus = Literal["active", "suspended", "removed"]
AdminStatus = Literal["invited", "active", "suspended", "deactivated"]


class Hours(Model):
    """When somebody works on a day of the week, 1 = Monday; past midnight when `to` is not after `from`."""

    day: Annotated[int, Field(ge=1, le=7)]
    from_: Annotated[Time, Field(alias="from")]
    to: Time


class StaffMember(Model):
    """A member of staff, as those who work with them see them."""

    id: UUID
    email: str | None
    phone: str | None
    name: str | None
    status: StaffStatus
    role: str
    role_name: str
    role_permissions: list[str]
    permissions: list[str]
    library_ids: list[UUID] | None
    working_hours: list[Hours] | None
    last_login_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class StaffChange(Change):
    name: Name | None = None
    phone: Phone | None = None
    role: RoleKey | None = None
    permissions: Permissions | None = None
    library_ids: LibraryIds | None = None
    working_hours: Annotated[list[Hours], Field(max_length=28)] | None = None


class PendingInvitation(Model):
    """An invitation nobody has answered yet."""

    id: UUID
    email: str
    name: str
    role: str
    permissions: list[str]
    library_ids: list[UUID] | None
    invited_by: UUID | None
    created_at: Timestamp
    expires_at: Timestamp


class EndedSession(Model):
    """A session that was ended with somebody's access."""

    id: UUID
    device: str | None
    ip_address: str | None
    created_at: Timestamp
    last_used_at: Timestamp


class Removal(Model):
    """Everything that ended when a member of staff was removed."""

    id: UUID
    sessions: list[EndedSession]
    api_keys: list[ApiKey]
    invitations: list[PendingInvitation]


class Role(Model):
    """Permissions under a name; built-in ones are the same for everybody and cannot be edited."""

    id: str
    name: str
    description: str | None
    permissions: list[str]
    built_in: bool
    members: int
    created_at: Timestamp | None
    updated_at: Timestamp | None


class RoleRequest(Model):
    name: Annotated[str, Field(min_length=2, max_length=60)]
    description: Annotated[str, Field(max_length=500)] | None = None
    permissions: Annotated[Permissions, Field(min_length=1)]


class RoleChange(Change):
    name: Annotated[str, Field(min_length=2, max_length=60)] | None = None
    description: Annotated[str, Field(max_length=500)] | None = None
    permissions: Annotated[Permissions, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _keep_what_a_role_needs(self) -> RoleChange:
        if any(name in self.model_fields_set and getattr(self, name) is None for name in ("name", "permissions")):
            raise ValueError("a role has a name and permissions")
        return self


class OwnRole(Model):
    """One of an organisation's own roles, as kept."""

    id: UUID
    name: str
    description: str | None
    permissions: list[str]
    created_at: Timestamp
    updated_at: Timestamp
    members: int


class Permission(Model):
    """One thing that can be allowed, and which built-in roles allow it."""

    permission: str
    resource: str
    action: str
    roles: list[str]
    grantable: bool


class PlatformUser(Model):
    """A platform user, as administrators see them."""

    id: UUID
    email: str
    name: str
    user_type: Literal["platform_admin", "platform_staff"]
    role: str
    role_name: str
    role_permissions: list[str]
    permissions: list[str]
    status: AdminStatus
    last_login_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class PlatformInvite(Model):
    email: Email
    name: Name
    role: RoleKey = "platform_staff"
    permissions: Permissions = []


class PlatformChange(Change):
    name: Name | None = None
    role: RoleKey | None = None
    permissions: Permissions | None = None

    @model_validator(mode="after")
    def _clear_nothing(self) -> PlatformChange:
        if any(getattr(self, name) is None for name in self.model_fields_set):
            raise ValueError("none of these can be cleared")
        return self


class Reason(Model):
    reason: Text | None = None


class Profile(Model):
    """Somebody, as they see and edit themselves."""

    id: UUID
    email: str | None
    phone: str | None
    name: str | None
    avatar_url: str | None
    user_type: str
    tenant_id: UUID
    status: str
    roles: list[str]
    permissions: list[str]
    library_ids: list[UUID] | None
    email_verified: bool
    last_login_at: Timestamp | None
    created_at: Timestamp


class ProfileFacts(Model):
    """What only somebody's own row tells."""

    status: str
    avatar_url: str | None
    last_login_at: Timestamp | None
    created_at: Timestamp


class AvatarRequest(Model):
    """A picture about to be uploaded; `PUT /users/me` with its id makes it the avatar."""

    content_type: Annotated[str, Field(min_length=3, max_length=120)]
    size_bytes: Annotated[int, Field(ge=1, le=5 * 1024 * 1024, strict=True)]


class ProfileChange(Change):
    name: Name | None = None
    phone: Phone | None = None
    avatar_file_id: UUID | None = None

    @model_validator(mode="after")
    def _keep_a_name(self) -> ProfileChange:
        if "name" in self.model_fields_set and self.name is None:
            raise ValueError("a name cannot be cleared")
        return self


class Thing(Model):
    """One row of the organisation."""

    type: Literal["library", "student", "booking", "membership", "attendance", "payment", "staff"]
    id: UUID


class Question(Model):
    """Could this user do that (on this thing)?"""

    user_id: UUID
    permission: Annotated[str, Field(min_length=3, max_length=64)]
    on: Thing | None = None


class Check(Model):
    """One step of a decision, in the order a request takes them."""

    step: Literal["organisation", "account", "permission", "thing"]
    passed: bool
    because: str


class Decision(Model):
    """Yes or no, and the way there: the last step is the one that decided."""

    allowed: bool
    user_id: UUID
    permission: str
    on: Thing | None
    path: list[Check]


class HandoverRequest(Model):
    library_id: UUID
    shift_id: UUID | None = None
    note: Text
    cash_paise: Paise
    denominations: (
        dict[Annotated[str, Field(pattern=r"^[1-9]\d{0,3}$")], Annotated[int, Field(ge=0, le=100_000)]] | None
    ) = None

    @model_validator(mode="after")
    def _must_add_up(self) -> HandoverRequest:
        """Rupee notes and coins by their value: what was counted is what is handed over."""
        if self.denominations is not None:
            counted = sum(int(value) * 100 * number for value, number in self.denominations.items())
            if counted != self.cash_paise:
                raise ValueError(f"the notes and coins add up to {counted} paise")
        return self


class Handover(Model):
    """What one shift told the next, with the cash it counted."""

    id: UUID
    library_id: UUID
    shift_id: UUID | None
    handed_by: UUID
    note: str
    cash_paise: int
    denominations: dict[str, int] | None
    created_at: Timestamp

    @property
    def location(self) -> str:
        return "/api/v1/staff/handover"
