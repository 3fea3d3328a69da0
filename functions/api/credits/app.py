"""Credits: a tenant's own wallet, and the operator's master wallet."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from studyspot.credits import master, service
from studyspot.credits.models import (
    Allocated,
    Allocation,
    CreditType,
    Entry,
    Margin,
    MasterWallet,
    Purchase,
    Purchased,
    Wallet,
)
from studyspot.kit import audit
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.errors import BadRequest, NotFound
from studyspot.kit.ids import PLATFORM
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb, TenantDb

api = Api("credits")


@api.get("/credits/wallet")
def wallet(actor: Annotated[Actor, allow("credits:read")], db: TenantDb) -> dict[str, Wallet]:
    return service.wallet(db)


@api.get("/credits/wallet/{creditType}")
def wallet_of_type(credit_type: CreditType, actor: Annotated[Actor, allow("credits:read")], db: TenantDb) -> Wallet:
    found = service.wallet(db)
    if credit_type not in found:
        raise NotFound
    return found[credit_type]


@api.get("/credits/transactions")
def transactions(
    paging: Paging,
    actor: Annotated[Actor, allow("credits:read")],
    db: TenantDb,
    credit_type: CreditType | None = None,
) -> Page[Entry]:
    return service.transactions(db, paging, credit_type)


@api.get("/admin/credits/wallet")
def master_wallet(actor: Annotated[Actor, allow("credits:admin_read")], core: CoreDb) -> list[MasterWallet]:
    return master.wallets(core)


@api.post("/admin/credits/purchase", status_code=201, keyed="required")
def purchase(request: Purchase, actor: Annotated[Actor, allow("credits:admin")], core: CoreDb) -> Purchased:
    bought = master.purchase(core, request)
    audit.note(core, "credits.purchase", "credit_purchases", bought.id, after=bought.model_dump(mode="json"))
    return bought


@api.post("/admin/credits/allocate", status_code=201, keyed="required")
def allocate(
    request: Allocation, asked: Request, actor: Annotated[Actor, allow("credits:admin")], core: CoreDb, db: TenantDb
) -> Allocated:
    if db.tenant == PLATFORM:
        raise BadRequest("the header X-Tenant-Id is missing")
    reference = f"{actor.id}:{asked.headers['idempotency-key']}"
    allocated = master.hand_over(core, db, request, reference)
    audit.note(core, "credits.allocate", "credit_allocations", allocated.id, after=allocated.model_dump(mode="json"))
    return allocated


@api.get("/admin/credits/margins")
def margins(
    actor: Annotated[Actor, allow("credits:admin_read")], core: CoreDb, tenant: UUID | None = None
) -> list[Margin]:
    return master.margins(core, tenant)


handler = api.handler
