"""What clients send to sign in and what they get."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from studyspot.identity.models.people import User
from studyspot.kit.models import Email, Model, Name, Phone, Timestamp

Password = Annotated[str, StringConstraints(strip_whitespace=False, min_length=1, max_length=1024)]
"""Blanks belong to it; how strong it must be is asked when it is set."""
OpaqueToken = Annotated[str, Field(min_length=1, max_length=512)]
StaffRole = Literal["library_staff"]


class LoginRequest(Model):
    email: Email
    password: Password
    user_type: str | None = None


class AdminLoginRequest(Model):
    email: Email
    password: Password


class RegisterRequest(Model):
    account_type: Literal["owner"] = "owner"
    email: Email
    password: Password
    name: Name
    tenant_name: Name


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
    role: StaffRole = "library_staff"
    permissions: list[str] = Field(default=[], max_length=100)
    library_ids: list[UUID] | None = Field(default=None, max_length=1000)


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


class Me(Model):
    """Who is calling."""

    user: User
    tenant: TenantView | None
    permissions: list[str]


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
