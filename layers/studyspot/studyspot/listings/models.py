"""What everybody may see of a library, how it is searched, and how somebody asks about it."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from studyspot.kit.errors import Conflict
from studyspot.kit.models import Email, Model, Name, Paise, Phone, Text, Timestamp
from studyspot.memberships.models import PublicPlan
from studyspot.spaces.models.board import LibraryImage, Notice, ZoneFree
from studyspot.spaces.models.opening import OpeningHours

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,78}[a-z0-9]$")]
CONSENT = "I agree that this library keeps these details and calls or writes to me about my enquiry."
"""What is agreed to, word for word; kept with each enquiry."""


class Search(Model):
    """What is looked for; everything that is said must hold."""

    latitude: float | None = None
    longitude: float | None = None
    radius_km: float | None = None
    city: str | None = None
    pincode: str | None = None
    q: str | None = None
    amenities: list[str] = []
    max_hourly_paise: Paise | None = None
    max_monthly_paise: Paise | None = None


class Listing(Model):
    """A library in the directory."""

    slug: str
    name: str
    city: str | None
    state: str | None
    pincode: str | None
    latitude: float | None
    longitude: float | None
    amenities: list[str]
    seats: int
    hourly_from_paise: int | None
    """The cheapest hour on public offer, tax included."""
    monthly_from_paise: int | None
    distance_km: float | None = None
    free_seats: int | None = None
    """At this moment; null where the library's database cannot be asked just now."""
    open_now: bool | None = None

    @property
    def place(self) -> list[Any]:
        """Where the next page goes on."""
        return [self.distance_km or 0.0, self.slug]


class ListingDetail(Model):
    """A library's public page."""

    slug: str
    name: str
    description: str | None
    address: str
    city: str | None
    state: str | None
    pincode: str | None
    latitude: float | None
    longitude: float | None
    phone: str | None
    amenities: list[str]
    hours: OpeningHours
    plans: list[PublicPlan]
    seats: int
    free_seats: int
    zones: list[ZoneFree]
    images: list[LibraryImage]
    notices: list[Notice]
    as_of: Timestamp
    consent: str = CONSENT
    """What somebody agrees to who asks about it."""


class ListingChange(Model):
    """Into the directory under a name, or out of it (null)."""

    slug: Slug | None


class OwnListing(Model):
    """How a library stands in the directory."""

    library_id: UUID
    listed: bool
    slug: str | None


class EnquiryRequest(Model):
    """Somebody asks about a library."""

    name: Name
    phone: Phone
    email: Email | None = None
    message: Text | None = None
    fee_plan_id: UUID | None = None
    """A plan that is on public offer there."""
    consent: Literal[True]
    """To the words of `consent` of the library's page."""


class EnquiryReceived(Model):
    """The library has it."""

    status: Literal["received"] = "received"


class Enquiry(Model):
    """Who asked, and what for."""

    id: UUID
    library_id: UUID
    name: str
    phone: str
    email: str | None
    message: str | None
    fee_plan_id: UUID | None
    consent_text: str
    consented_at: Timestamp
    created_at: Timestamp


class SlugTaken(Conflict):
    """Another library has this name in the directory."""

    code = "slug_taken"
