"""The operator's side: buying from vendors, handing on to tenants, what it earned."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from studyspot.credits.models import (
    Allocated,
    Allocation,
    Conservation,
    Margin,
    MasterInsufficient,
    MasterWallet,
    Purchase,
    Purchased,
)
from studyspot.credits.queries import master
from studyspot.credits.queries.wallets import open_wallet, receive
from studyspot.kit import cells, clock, log
from studyspot.kit.db import Db

USUAL_VENDOR = {"sms": "MSG91", "whatsapp": "MSG91", "voice": "MSG91", "ai_tokens": "AI vendors"}
USUAL_COST_PAISE = 15
ON_ACCOUNT = "on account"
ARRIVES_WITHIN = timedelta(minutes=1)
"""Until then the caller's own transaction is the one to let an allocation in."""


def purchase(core: Db, wanted: Purchase) -> Purchased:
    """Buy from a vendor; a vendor named for the first time is entered."""
    with core.transaction():
        vendor = master.vendor(core, wanted.vendor, wanted.credit_type, wanted.unit_cost_paise, wanted.unit_cost_paise)
        master.open_master(core, wanted.credit_type, vendor.id)
        return master.buy(
            core, vendor.id, wanted.credit_type, wanted.quantity, wanted.unit_cost_paise, wanted.invoice_ref
        )


def allocate(core: Db, tenant: UUID, wanted: Allocation, reference: str) -> Allocated:
    """Out of the master wallet, once for a reference.

    A sale needs stock. A grant must not fail a new tenant's provisioning, so what is missing is bought on account
    from the usual vendor, and stands in the purchases for the operator to settle.
    """
    with core.transaction():
        lacking = _lacking(core, wanted)
        if known := master.allocation(core, tenant, reference):
            return known
        if lacking and wanted.kind == "sale":
            raise MasterInsufficient
        if lacking:
            _buy_on_account(core, wanted.credit_type, lacking)
        if not master.allocate(core, tenant, wanted, reference):
            raise MasterInsufficient
        found = master.allocation(core, tenant, reference)
    assert found is not None, "it was inserted by this transaction"
    return found


def _lacking(core: Db, wanted: Allocation) -> int:
    """Holds the master wallet until the transaction ends."""
    lacking = master.missing(core, wanted.credit_type, wanted.quantity)
    return wanted.quantity if lacking is None else lacking


def _buy_on_account(core: Db, credit_type: str, n: int) -> None:
    vendor = master.vendor(core, USUAL_VENDOR[credit_type], credit_type, None, USUAL_COST_PAISE)
    master.open_master(core, credit_type, vendor.id)
    master.buy(core, vendor.id, credit_type, n, vendor.unit_cost_paise, ON_ACCOUNT)


def hand_over(core: Db, db: Db, wanted: Allocation, reference: str) -> Allocated:
    """Allocate to the tenant of `db` and let it arrive: the master side first, committed, then the tenant's."""
    allocation = allocate(core, db.tenant, wanted, reference)
    core.commit()
    arrive(db, allocation)
    db.commit()
    master.arrived(core, allocation.id)
    found = master.allocation(core, db.tenant, reference)
    assert found is not None, "it was committed above"
    return found


def arrive(db: Db, allocation: Allocated) -> None:
    """Into the tenant's own book, once."""
    price = allocation.unit_price_paise if allocation.kind == "sale" else None
    with db.transaction():
        open_wallet(db, allocation.credit_type)
        receive(db, allocation.credit_type, allocation.quantity, allocation.reference, price)


def settle_allocations(after: timedelta = ARRIVES_WITHIN) -> int:
    """Let in what a crash left on its way; answers how many. One tenant out of reach holds up no other."""
    with cells.core_db() as core:
        waiting = master.on_their_way(core, clock.now() - after)
    settled = 0
    for allocation in waiting:
        try:
            with cells.tenant_db(allocation.to_tenant) as db:
                arrive(db, allocation)
        except Exception as error:  # noqa: BLE001 - it stays on its way, counted and visible, until the tenant answers
            log.error("allocation_not_arrived", allocation=allocation.id, error=repr(error))
            continue
        with cells.core_db() as core:
            master.arrived(core, allocation.id)
        settled += 1
    return settled


def wallets(core: Db) -> list[MasterWallet]:
    return master.masters(core)


def margins(core: Db, tenant: UUID | None) -> list[Margin]:
    """By tenant and month, newest first."""
    return master.margins(core, tenant)


def side(core: Db, credit_type: str) -> Conservation:
    """The operator's part of the conservation identity."""
    found = next((w for w in master.masters(core) if w.credit_type == credit_type), None)
    if found is None:
        return Conservation(credit_type=credit_type, purchased=0, master=0, tenants=0, consumed=0, on_the_way=0)
    return Conservation(
        credit_type=credit_type,
        purchased=found.purchased_total,
        master=found.available + found.reserved,
        tenants=0,
        consumed=found.consumed_total,
        on_the_way=master.count_on_the_way(core, credit_type),
    )
