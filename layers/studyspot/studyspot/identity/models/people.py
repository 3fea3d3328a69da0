"""People, sessions, codes and links as identity keeps them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from studyspot.kit.errors import TenantNotActive, TenantSuspended
from studyspot.kit.models import Model, Timestamp


class Person(Model):
    """Somebody who can sign in, wherever their row is."""

    id: UUID
    tenant_id: UUID
    user_type: str
    email: str | None
    phone: str | None
    name: str | None
    password_hash: str | None
    status: str
    roles: list[str]
    permissions: list[str]
    library_ids: list[UUID] | None
    email_verified: bool


class TenantState(Model):
    """What the directory says about a tenant."""

    id: UUID
    name: str
    slug: str
    status: str
    scope: str

    @property
    def placed(self) -> bool:
        """Has it a cell that can be asked?"""
        return self.status not in ("provisioning", "provisioning_failed", "deleted")

    def admit(self) -> None:
        """Raises unless people of this tenant may sign in."""
        if self.status == "suspended" and self.scope == "all":
            raise TenantSuspended
        if not self.placed:
            raise TenantNotActive


class Home(TenantState):
    """A tenant and the features that are switched on for it."""

    flags: list[str]


class Identity(Model):
    """One row of the directory."""

    user_type: str
    tenant_id: UUID
    user_id: UUID


class User(Model):
    """A person, as they see themselves."""

    id: UUID
    email: str | None
    phone: str | None
    name: str | None
    user_type: str
    tenant_id: UUID
    roles: list[str]
    permissions: list[str]
    library_ids: list[UUID] | None
    email_verified: bool


class Tokens(Model):
    """A signed-in person and the pair of tokens."""

    user: User
    access_token: str
    refresh_token: str
    expires_in: int


class SessionView(Model):
    """One place where somebody is signed in."""

    id: UUID
    device: str | None
    ip_address: str | None
    created_at: Timestamp
    last_used_at: Timestamp
    expires_at: Timestamp
    current: bool


class Family(Model):
    """A session as its refresh tokens see it."""

    id: UUID
    user_id: UUID
    user_type: str
    device: str | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class Turn(Model):
    """What the counters say to one more try of an account."""

    by_account: int
    account_resets_at: datetime
    by_address: int
    address_resets_at: datetime
    failed_by_address: int
    failures_reset_at: datetime
    locked_until: datetime | None


class Lockout(Model):
    """How often an account was tried in vain."""

    failures: int
    since: datetime
    locks: int
    locked_until: datetime | None


class Asked(Model):
    """A code was asked for."""

    created_at: datetime


class Code(Model):
    """A one-time code, as the try just counted found it."""

    id: UUID
    code_hash: str
    user_type: str | None
    user_id: UUID | None
    attempts: int
    expires_at: datetime
    used_at: datetime | None


class Invitation(Model):
    """An invitation as kept."""

    id: UUID
    invited_to: UUID
    user_id: UUID
    user_type: str
    email: str
    name: str
    role: str
    role_id: UUID | None
    permissions: list[str]
    library_ids: list[UUID] | None
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None


class EmailToken(Model):
    """A mailed token that was just used up."""

    user_type: str
    user_id: UUID
    home: UUID
    email: str


class Letter(Model):
    """What has to be mailed, to whom; messaging does it."""

    template: str
    to: str
    variables: dict[str, str]
    recipient_id: UUID
    recipient_type: str
