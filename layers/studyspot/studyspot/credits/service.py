"""Credits of a tenant: receive, reserve, spend, give back; and the identity that holds over all tenants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from studyspot.credits import master
from studyspot.credits.master import settle_allocations
from studyspot.credits.models import Allocation, Conservation, Entry, InsufficientCredits, Wallet
from studyspot.credits.queries import master as queries
from studyspot.credits.queries import wallets
from studyspot.credits.queries.wallets import Taken
from studyspot.kit import cells, clock, outbox, timers
from studyspot.kit.db import Db
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging

__all__ = [
    "LOW_TIMER",
    "WELCOME",
    "commit",
    "conservation",
    "credit_back",
    "deduct",
    "grant",
    "receive",
    "release",
    "reserve",
    "settle_allocations",
    "transactions",
    "unit_price",
    "wallet",
    "withdraw_grant",
]

WELCOME = 500
"""SMS credits a new tenant is given."""
LOW_TIMER = "wallet_low"
"""What lies above knows the owner and tells them."""


def grant(db: Db, credit_type: str, quantity: int, reference: UUID | str) -> None:
    """Free credits from the master wallet, once for a reference; never fails for want of stock (see `master.allocate`).

    Two databases: the master side is committed first, the tenant's in the caller's transaction. What a crash leaves
    between them is on its way, and arrives by the caller's retry or by the minute schedule. Call it while no
    transaction of tenant zero is open.
    """
    wanted = Allocation.model_validate({"credit_type": credit_type, "quantity": quantity, "kind": "grant"})
    with cells.core_db() as core:
        master.allocate(core, db.tenant, wanted, str(reference))
    receive(db, credit_type, quantity, str(reference))


def withdraw_grant(core: Db, tenant: UUID, reference: UUID | str) -> None:
    """The platform's side of a grant undone, once, because the tenant it went to is taken back with all it holds."""
    with core.transaction():
        found = queries.allocation(core, tenant, str(reference))
        if found:
            queries.withdraw(core, found.id)


def receive(db: Db, credit_type: str, quantity: int, reference: str, unit_price_paise: int | None = None) -> bool:
    """The tenant's side of an allocation, once; opens the wallet. The price is that of a sale."""
    with db.transaction():
        wallets.open_wallet(db, credit_type)
        return wallets.receive(db, credit_type, quantity, reference, unit_price_paise)


def reserve(db: Db, credit_type: str, n: int, reference: str) -> None:
    """Put n aside for a reference, once; InsufficientCredits changes nothing."""
    _take(wallets.reserve, db, credit_type, n, reference)


def deduct(db: Db, credit_type: str, n: int, reference: str) -> None:
    """Spend n at once, once for a reference; InsufficientCredits changes nothing."""
    _take(wallets.deduct, db, credit_type, n, reference)


def _take(take: Callable[[Db, str, int, str], Taken | None], db: Db, credit_type: str, n: int, reference: str) -> None:
    """Whoever crosses the threshold says so in the same transaction; the owner hears of it once a day at most."""
    with db.transaction():
        taken = take(db, credit_type, n, reference)
        if taken and taken.crossed:
            facts = {"creditType": taken.credit_type, "balance": taken.balance, "threshold": taken.threshold}
            outbox.emit(db, "wallet.low", taken.id, facts)
            now = clock.now()
            day = now.astimezone(clock.INDIA).date().isoformat()
            timers.wait(db, now, LOW_TIMER, taken.id, "tell", period=day, **facts)
    if taken is None and not wallets.known(db, reference):
        raise InsufficientCredits


def commit(db: Db, reference: str, used: int) -> bool:
    """What was put aside is spent, what was not used goes back; False when it was settled before."""
    return wallets.commit(db, reference, used)


def release(db: Db, reference: str) -> bool:
    """What was put aside goes back; False when it was settled before."""
    return wallets.release(db, reference)


def credit_back(db: Db, reference: str) -> bool:
    """What was spent on something that did not arrive goes back, once."""
    return wallets.credit_back(db, reference)


def wallet(db: Db) -> dict[str, Wallet]:
    """By credit type; SMS always shows."""
    found = {row.credit_type: Wallet(**row.model_dump(exclude={"credit_type"})) for row in wallets.wallets(db)}
    return {"sms": Wallet(), **found}


def unit_price(db: Db, credit_type: str) -> int:
    return wallet(db).get(credit_type, Wallet()).unit_price_paise


def transactions(db: Db, paging: Paging, credit_type: str | None) -> Page[Entry]:
    """Newest first."""
    return paging.page(wallets.entries(db, paging, credit_type))


def conservation(credit_type: str = "sms") -> Conservation:
    """The identity over every tenant of every cell, after what was on its way has been let in.

    Reads tenant after tenant: exact while nothing moves, which is when the audit runs.
    """
    settle_allocations(after=timedelta())
    with cells.core_db() as core:
        sides = master.side(core, credit_type)
        tenants = wallets.all_tenants(core)
    held = consumed = 0
    for tenant in tenants:
        with cells.tenant_db(tenant) as db:
            part = wallets.holdings(db, credit_type)
        held, consumed = held + part.held, consumed + part.consumed
    return sides.model_copy(update={"tenants": held, "consumed": sides.consumed + consumed})


def drift(tenant: UUID) -> int:
    """How many of a tenant's wallets differ from what their entries sum to; 0 is right."""
    with cells.tenant_db(tenant) as db:
        return wallets.drift(db)
