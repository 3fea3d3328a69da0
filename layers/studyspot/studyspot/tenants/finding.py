"""Finding an organisation by what stands on its door: its short name, or the code of one of its libraries."""

from __future__ import annotations

from uuid import UUID

from studyspot.identity.models import TenantSelectionRequired
from studyspot.kit import cells
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.libraries import service as libraries
from studyspot.policies import service as policies
from studyspot.policies.models import Branding
from studyspot.tenants.models import LOGIN_METHODS, Door, Found, LibraryFound
from studyspot.tenants.queries import directory


def find(core: Db, code: str) -> Found:
    """The organisation behind the code, if it is open. A code that several have is chosen from by their short names."""
    wanted = code.strip().lower()
    door = directory.with_slug(core, wanted)
    if door:
        return Found(door=door)
    found = [_behind(core, tenant, wanted) for tenant in libraries.tenants_with_code(core, wanted)]
    known = [one for one in found if one]
    if not known:
        raise NotFound
    if len(known) > 1:
        choices = [{"tenantId": str(f.door.id), "tenantName": f.door.name, "slug": f.door.slug} for f in known]
        raise TenantSelectionRequired("several organisations have a library of that code", choices=choices)
    return known[0]


def shown(core: Db, code: str) -> Door:
    """What somebody who wants to sign in may know: how the organisation looks, and by which ways one gets in."""
    found = find(core, code)
    with cells.tenant_db(found.door.id) as db:
        looks = policies.branding(db)
    return Door(
        tenant_id=found.door.id,
        name=found.door.name,
        slug=found.door.slug,
        library=found.library,
        branding=Branding(**looks.model_dump(include=set(Branding.model_fields))) if looks.version else None,
        login_methods=list(LOGIN_METHODS),
    )


def tell_codes() -> int:
    """Whose libraries are older than the directory of codes can be found as well; answers how many libraries."""
    with cells.core_db() as core:
        told = 0
        for tenant in libraries.untold_tenants(core):
            with cells.tenant_db(tenant) as db:
                told += libraries.tell_codes(core, db)
    return told


def _behind(core: Db, tenant: UUID, code: str) -> Found | None:
    """The directory only says where to look; whether the library is there and open, its cell says."""
    door = directory.open_door(core, tenant)
    if door is None:
        return None
    with cells.tenant_db(tenant) as db:
        library = libraries.with_code(db, code)
    if library is None:
        return None
    return Found(door=door, library=LibraryFound(id=library.id, name=library.name, code=library.code))
