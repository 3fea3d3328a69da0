"""What clients send to sign in and what they get."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints
from pydantic.alias_generators import to_camel

from studyspot.identity.models.people import User
from studyspot.kit.errors import Invalid
from studyspot.kit.models import Email, Model, Name, Phone, Timestamp

Password = Annotated[str, StringConstraints(strip_whitespace=False, min_length=1, max_length=1024)]
"""Blanks belong to it; how strong it must be is asked when it is set."""
OpaqueToken = Annotated[str, Field(min_length=1, max_length=512)]
RoleKey = Annotated[str, Field(min_length=1, max_length=64)]
"""A built-in role's name, or the id of one of the organisation's own."""
Permissions = Annotated[list[Annotated[str, Field(min_length=3, max_length=64)]], Field(max_length=200)]
LibraryIds = Annotated[list[UUID], Field(max_length=1000)]


class LoginRequest(Model):
    email: Email
    password: Password
    user_type: str | None = None


class AdminLoginRequest(Model):
    email: Email
    password: Password


SelfMade = Literal["library_owner", "student", "provider", "customer", "member"]
"""Kinds of people who may sign up without being invited."""
OWED: dict[str, tuple[str, ...]] = {
    "library_owner": ("name", "tenant_name"),
    "student": ("name", "phone", "library_code"),
}
"""What such a sign-up cannot do without."""


class RegisterRequest(Model):
    """An owner names an organisation, a student a library's code; an e-mail and a password alone make a member."""

    account_type: Literal["owner", "student", "provider", "customer", "member"] | None = None
    user_type: SelfMade | None = None
    email: Email
    password: Password
    name: Name | None = None
    tenant_name: Name | None = None
    library_code: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    """The code of one of an organisation's libraries, or the organisation's short name."""
    phone: Phone | None = None

    @property
    def kind(self) -> SelfMade:
        """As said, or as what was given tells."""
        if self.account_type == "owner":
            return "library_owner"
        told = self.user_type or self.account_type
        if told:
            return told
        return "library_owner" if self.tenant_name else "student" if self.library_code else "member"

    def must_be_whole(self) -> None:
        """Invalid, field by field, when something is missing for this kind of account."""
        lacking = [to_camel(name) for name in OWED.get(self.kind, ()) if getattr(self, name) is None]
        faults = [{"field": name, "message": f"needed to sign up as {self.kind}"} for name in lacking]
        if self.library_code and self.kind != "student":
            faults.append({"field": "libraryCode", "message": "for students only"})
        if faults:
            raise Invalid(f"{len(faults)} fields are invalid", errors=faults)


class SwitchRequest(Model):
    """Which of the organisations one belongs to; the directory says which those are."""

    tenant_id: UUID | None = None
    user_type: str | None = None


class RefreshRequest(Model):
    refresh_token: OpaqueToken | None = None
    """Without it the browser's cookie is rotated."""


class OtpRequest(Model):
    phone: Phone


class OtpSent(Model):
    """The same for every phone."""

    expires_in: int


class OtpAnswer(Model):
    phone: Phone
    code: Annotated[str, Field(min_length=1, max_length=16)]


class TokenRequest(Model):
    token: OpaqueToken


class EmailRequest(Model):
    email: Email


class ResetRequest(Model):
    token: OpaqueToken
    password: Password


class PasswordChange(Model):
    current_password: Password
    new_password: Password


class AcceptRequest(Model):
    password: Password
    name: Name | None = None


class InviteRequest(Model):
    email: Email
    name: Name
    role: RoleKey = "library_staff"
    permissions: Permissions = []
    library_ids: LibraryIds | None = None


class Invited(Model):
    """An invitation as its author sees it; the token itself is only in the mail."""

    id: UUID
    email: str
    name: str
    role: str
    expires_at: Timestamp


class InvitationView(Model):
    """An invitation as the invited see it."""

    email: str
    name: str
    tenant_name: str
    user_type: str
    role: str
    expires_at: Timestamp


class TenantView(Model):
    """The organisation somebody belongs to."""

    id: UUID
    name: str
    slug: str
    status: str


class TenantStarted(Model):
    """The organisation that comes into being with its owner."""

    id: UUID
    slug: str
    status: str


class Registered(Model):
    """The answer to a registration."""

    user: User
    tenant: TenantStarted


class Entitlements(Model):
    """What the organisation's plan allows: its parts, features, and how much (`null` or absent: no limit)."""

    modules: list[str]
    features: dict[str, Any]
    limits: dict[str, int | None]


class Me(Model):
    """Who is calling."""

    user: User
    tenant: TenantView | None
    permissions: list[str]
    entitlements: Entitlements
    flags: list[str]
    """The features that are switched on."""


class Claims(Model):
    """A token that was found good."""

    valid: bool
    claims: dict[str, Any]


class EmailVerified(Model):
    email: str
    email_verified: bool


class Accepted(Model):
    """The same whether anybody was found."""

    accepted: bool = True


class Joined(Model):
    """An invitation was accepted; the next step is to sign in."""

    user: User
