"""What a tenant is, what may be asked of it, and what can stand in the way."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from studyspot.kit.errors import Conflict
from studyspot.kit.models import Change, Email, Model, Name, Phone, Text, Timestamp
from studyspot.memberships.models import PublicLibrary, PublicPlan
from studyspot.policies.models import Branding

Status = Literal[
    "provisioning", "active", "past_due", "suspended", "offboarding", "deleted", "provisioning_failed"
]  # fmt: skip
Isolation = Literal["pool", "silo"]
Health = Literal["healthy", "at_risk", "critical"]
Scope = Literal["all", "writes", "messaging"]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{1,38})[a-z0-9]$")]
Gstin = Annotated[str, Field(pattern=r"^\d{2}[A-Z]{5}\d{4}[A-Z][1-9A-Z]Z[0-9A-Z]$")]


def _known_zone(value: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not a time zone of the IANA database") from None
    return value


TimeZone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_known_zone)]


class NewTenant(Model):
    """What an operator gives to create a tenant: a name and the owner's address are enough."""

    name: Name
    email: Email
    slug: Slug | None = None
    isolation: Isolation | None = None
    plan: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    phone: Phone | None = None


class TenantChange(Change):
    """What may be edited; `null` clears where that makes sense."""

    name: Name = ""
    email: Email = ""
    phone: Phone | None = None
    gstin: Gstin | None = None
    timezone: TimeZone = ""


class Suspension(Model):
    """Why, and how far."""

    reason: Text
    scope: Scope = "all"


class Tenant(Model):
    """A tenant as the directory knows it."""

    id: UUID
    name: str
    slug: str
    status: Status
    isolation: Isolation
    plan_code: str
    email: str
    phone: str | None
    scope: Scope | None
    """How far a suspension reaches; null while there is none."""
    owner_id: UUID | None
    region: str
    timezone: str
    gstin: str | None
    trial_ends_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class ListedTenant(Tenant):
    """A tenant among others, with how it was judged last; null until the first night."""

    health: Health | None
    health_score: int | None
    health_at: Timestamp | None


class SignedUp(Model):
    """A tenant its owner asked for."""

    tenant_id: UUID
    slug: str
    status: Status
    owner_id: UUID


class SignUpRequest(Model):
    """An owner who comes by himself."""

    name: Name
    email: Email
    tenant_name: Name
    phone: Phone | None = None
    slug: Slug | None = None


class SignUpAccepted(Model):
    """A mail is on its way; nothing was made yet."""

    status: Literal["check_your_mail"] = "check_your_mail"
    expires_in: int


class SignUpConfirmed(Model):
    """The mailed token proves the address."""

    token: Annotated[str, Field(min_length=1, max_length=500)]
    password: Annotated[str, Field(min_length=1, max_length=200)]


class OnboardingStep(Model):
    """Something that makes an organisation ready, and where it is done."""

    code: str
    done: bool
    where: str


class Onboarding(Model):
    """How far an organisation is, as its own rows say."""

    done: int
    steps: list[OnboardingStep]


class PublicPage(Model):
    """What an organisation shows to everybody."""

    name: str
    slug: str
    branding: Branding
    libraries: list[PublicLibrary]
    plans: list[PublicPlan]


class Filter(Model):
    """Which tenants of the list."""

    status: Status | None = None
    plan: str | None = None
    isolation: Isolation | None = None
    health: Health | None = None
    q: str | None = None


class Step(Model):
    """One step of the saga and what became of it."""

    step: str
    status: Literal["pending", "done", "failed", "compensated"]
    detail: str | None = None
    at: Timestamp | None = None


class Provisioning(Model):
    """How far the saga is."""

    tenant_id: UUID
    status: Status
    steps: list[Step]


LOGIN_METHODS = ("otp", "password")
"""How people get in: by a code on the phone the library knows, by the password they set."""


class OpenDoor(Model):
    """An organisation that people may come in to."""

    id: UUID
    name: str
    slug: str
    status: Status


class LibraryFound(Model):
    """The library whose code was given."""

    id: UUID
    name: str
    code: str


class Found(Model):
    """An organisation, and the library by whose code it was found."""

    door: OpenDoor
    library: LibraryFound | None = None


class Door(Model):
    """What anybody may know of an organisation before signing in."""

    tenant_id: UUID
    name: str
    slug: str
    library: LibraryFound | None
    branding: Branding | None
    login_methods: list[str]


class SlugCheck(Model):
    """Whether a library code is still free."""

    slug: str
    available: bool


class Stats(Model):
    """What a tenant has and does at this moment."""

    students: int
    active_students: int
    libraries: int
    seats: int
    occupancy: int
    """People inside right now."""
    revenue_paise: int
    """Captured less refunded, since the first payment."""
    messages: int


class Placement(Model):
    """Where a tenant's cell is."""

    cell_id: UUID
    host: str
    port: int
    dbname: str


class Owner(Model):
    """Whom a tenant belongs to."""

    id: UUID
    email: str
    name: str
    phone: str | None


class Orphans(Model):
    """What a sweep found that belongs to nobody. Everything empty is what is promised."""

    databases: list[str]
    """Databases of a single tenant that no cell of the directory names."""
    cells: list[str]
    """Cells of a single tenant that no tenant lives in."""
    tenants: list[UUID]
    """Tenants that should be working and have no cell."""
    gates: list[UUID]
    """Rows in a cell whose tenant the directory does not place there, or places in another state."""

    @property
    def none(self) -> bool:
        return not (self.databases or self.cells or self.tenants or self.gates)


class SlugTaken(Conflict):
    """Another organisation has this library code."""

    code = "slug_taken"
    fix = "Choose another slug, or leave it out to have one made from the name."


class ProvisioningInProgress(Conflict):
    """The organisation is still being set up."""

    code = "provisioning_in_progress"


class ProvisioningAbandoned(Exception):
    """The saga meets a tenant that is not waiting to be set up."""


class SmokeFailed(Exception):
    """A tenant that was set up does not answer as it should."""
