"""Libraries as everybody finds them: into the directory and out of it, searched, shown, and asked about."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.attendance import service as attendance
from studyspot.kit import audit, cells, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.connections import Place
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound, RateLimited
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.libraries import service as libraries
from studyspot.listings import queries
from studyspot.listings.models import (
    Enquiry,
    EnquiryReceived,
    EnquiryRequest,
    Listing,
    ListingChange,
    ListingDetail,
    OwnListing,
    Search,
    SlugTaken,
)
from studyspot.spaces.models.board import ZoneFree
from studyspot.spaces.service import board, opening

TIMER = "library_listing"
A_DAY = timedelta(days=1)
ASKED_A_DAY = 3
"""Enquiries of one phone number in one organisation."""


def own(db: Db, actor: Actor, library: UUID) -> OwnListing:
    """How a library stands in the directory."""
    actor.at(library)
    return queries.own(db, library)


def set_listing(db: Db, core: Db, actor: Actor, library: UUID, asked: ListingChange) -> OwnListing:
    """The name is taken in the directory first: what is taken and not listed is shown to nobody."""
    actor.at(library)
    if asked.slug is not None:
        with core.transaction():
            if not queries.take(core, asked.slug, db.tenant, library):
                raise SlugTaken
        core.commit()
    with db.transaction():
        libraries.open_library(db, library, to_change=True)
        if queries.set_listed(db, library, asked.slug):
            audit.note(db, "libraries.listing", "libraries", library, after={"slug": asked.slug})
            listed = asked.slug is not None
            told = {"slug": asked.slug} if listed else {}
            outbox.emit(db, "library.listed" if listed else "library.unlisted", library, told)
        facts = queries.facts(db, library)
        found = queries.own(db, library)
    db.commit()
    with core.transaction():
        if asked.slug is None:
            queries.drop(core, db.tenant, library)
        else:
            queries.tell(core, db.tenant, library, facts)
    return found


def tell(db: Db, library: UUID, given: dict[str, Any]) -> None:
    """Something that the directory repeats has changed (timer `library_listing`)."""
    facts = queries.facts(db, library)
    with cells.core_db() as core:
        queries.tell(core, db.tenant, library, facts)


def search(core: Db, asked: Search, paging: Paging, min_free: int) -> Page[Listing]:
    """A page of the directory, with how every library on it stands now. One whose cell cannot be asked is told without
    that; one that its cell does not call listed is not told. So a page may be shorter than its limit."""
    found = queries.search(core, asked, paging)
    page = paging.page(found, key="place")
    shown = [one for one in _as_they_stand(found[: paging.limit]) if not min_free or (one.free_seats or 0) >= min_free]
    return Page(items=shown, meta=page.meta)


def _as_they_stand(found: list[queries.Found]) -> list[Listing]:
    by_cell: dict[Place, list[queries.Found]] = defaultdict(list)
    places = cells.places_of([one.tenant_id for one in found])
    for one in found:
        if one.tenant_id in places:
            by_cell[places[one.tenant_id]].append(one)
    stands: dict[UUID, dict[str, Any]] = {}
    for place, here in by_cell.items():
        told = queries.now(place, here)
        if told is None:
            stands |= {one.library_id: {} for one in here}
        else:
            stands |= {one.library_id: {"free_seats": one.free, "open_now": one.open_now} for one in told}
    hidden = {"tenant_id", "library_id", "free_seats", "open_now"}
    return [Listing(**one.model_dump(exclude=hidden), **stands[one.library_id]) for one in found
            if one.library_id in stands]  # fmt: skip


def shown(core: Db, slug: str) -> ListingDetail:
    """A library's page as it is at this moment, from its own cell."""
    whose = queries.find(core, slug)
    with cells.tenant_db(whose.tenant_id) as db:
        facts = queries.page(db, whose.library_id, slug)
        full = next(iter(attendance.occupancy(db, whose.library_id)), None)
        if full is None:
            raise NotFound
        return ListingDetail(
            **facts.model_dump(),
            slug=slug,
            hours=opening.hours(db, whose.library_id),
            seats=full.capacity,
            free_seats=full.free,
            zones=[ZoneFree(name=zone.name, free=zone.free, seats=zone.capacity) for zone in full.zones],
            images=board.images(db, whose.library_id),
            notices=board.hanging(db, whose.library_id),
            as_of=full.as_of,
        )


def ask(core: Db, slug: str, asked: EnquiryRequest) -> EnquiryReceived:
    """Kept with the consent it came with; CRM takes it up by its event."""
    whose = queries.find(core, slug)
    with cells.tenant_db(whose.tenant_id) as db, db.transaction():
        facts = queries.page(db, whose.library_id, slug)
        if asked.fee_plan_id and asked.fee_plan_id not in {plan.id for plan in facts.plans}:
            raise Invalid.field("feePlanId", "no plan that is on offer there")
        made = queries.ask(db, whose.library_id, asked, ASKED_A_DAY, A_DAY)
        if made is None:
            wait = {"Retry-After": str(int(A_DAY.total_seconds()))}
            raise RateLimited(f"{ASKED_A_DAY} enquiries a day from one number are taken", headers=wait)
        audit.note(db, "enquiries.receive", "enquiries", made, after={"libraryId": str(whose.library_id)})
        outbox.emit(db, "enquiry.received", made, {"libraryId": whose.library_id})
    return EnquiryReceived()


def enquiries(db: Db, actor: Actor, library: UUID, paging: Paging, since: datetime | None) -> Page[Enquiry]:
    """Who asked about a library, newest first."""
    libraries.seen_by(db, actor, library)
    return paging.page(queries.enquiries(db, library, paging, since))
