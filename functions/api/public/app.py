"""/public/libraries: libraries as everybody finds them, and asking about one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from studyspot.kit.api import Api
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.signature import CoreDb
from studyspot.libraries.fields import Near
from studyspot.listings import service
from studyspot.listings.models import (
    EnquiryReceived,
    EnquiryRequest,
    Listing,
    ListingDetail,
    Search,
)

api = Api("public")

Slug = Annotated[str, Field(pattern=r"^[a-z0-9-]{3,80}$")]
Radius = Annotated[float, Field(gt=0, le=20_000, allow_inf_nan=False)]
Word = Annotated[str, Field(min_length=1, max_length=100)]
Most = Annotated[int, Field(ge=0, le=10**9)]


@api.get("/public/libraries", public=True)
def found(
    core: CoreDb,
    paging: Paging,
    near: str | None = None,
    radius_km: Radius = 10,
    city: Word | None = None,
    pincode: Word | None = None,
    q: Word | None = None,
    amenities: Word | None = None,
    max_hourly_paise: Most | None = None,
    max_monthly_paise: Most | None = None,
    min_free: Annotated[int, Field(ge=0, le=100_000)] = 0,
) -> Page[Listing]:
    """Libraries that want to be found: the nearest first where `near=latitude,longitude` is named, else by name.

    `amenities` are separated by commas, and all of them must be there. `freeSeats` is asked of each library at this
    moment; with `minFree` a page may hold fewer than `limit`.
    """
    point = Near.of(near, radius_km).model_dump() if near is not None else {}
    wanted = [one.strip() for one in (amenities or "").split(",") if one.strip()]
    asked = Search(
        **point, city=city, pincode=pincode, q=q, amenities=wanted, max_hourly_paise=max_hourly_paise,
        max_monthly_paise=max_monthly_paise,
    )  # fmt: skip
    return service.search(core, asked, paging, min_free)


@api.get("/public/libraries/{slug}", public=True)
def shown(slug: Slug, core: CoreDb) -> ListingDetail:
    """A library's page: hours, plans on offer, pictures, notices, and what is free at this moment."""
    return service.shown(core, slug)


@api.post("/public/libraries/{slug}/enquiries", public=True, status_code=202, limit=(10, 3600))
def ask(slug: Slug, asked: EnquiryRequest, core: CoreDb) -> EnquiryReceived:
    """Ask a library to call back; `consent` is to the words of its page, and kept with them."""
    return service.ask(core, slug, asked)


handler = api.handler
