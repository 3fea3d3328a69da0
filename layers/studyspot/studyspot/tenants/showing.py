"""What an organisation shows: to everybody its page, to its owner how far it is."""

from __future__ import annotations

from studyspot.kit import cells
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.policies import service as policies
from studyspot.policies.models import Branding, BrandingInForce
from studyspot.tenants.models import Onboarding, PublicPage
from studyspot.tenants.queries import directory, showing


def branding(core: Db, slug: str) -> BrandingInForce:
    """How the organisation of that short name shows itself, if it is open."""
    door = directory.with_slug(core, slug)
    if door is None:
        raise NotFound
    with cells.tenant_db(door.id) as db:
        return policies.branding(db)


def page(core: Db, slug: str) -> PublicPage:
    """Its libraries that are open, the plans on public offer, and how to reach it."""
    door = directory.with_slug(core, slug)
    if door is None:
        raise NotFound
    with cells.tenant_db(door.id) as db:
        looks = policies.branding(db)
        return PublicPage(
            name=door.name,
            slug=door.slug,
            branding=Branding(**looks.model_dump(include=set(Branding.model_fields))),
            libraries=showing.libraries(db),
            plans=showing.plans(db),
        )


def onboarding(db: Db) -> Onboarding:
    """Read off what is there, so it cannot be ticked without being done."""
    steps = showing.steps(db)
    return Onboarding(done=sum(step.done for step in steps), steps=steps)
