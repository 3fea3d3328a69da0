"""SQL of a tenant's wallet: each movement is one statement that moves the wallet and writes its legs, or nothing."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel

from studyspot.credits.models import Entry, Wallet
from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging

WALLET = "balance, reserved, consumed_total, unit_price_paise, low_balance_threshold"
LEGS = """
    INSERT INTO credit_ledger (id, transaction_id, credit_type, kind, account, quantity, reference, created_at)
    SELECT leg.id, %(transaction)s, moved.credit_type, %(kind)s, leg.account, leg.sign * moved.quantity, %(reference)s,
           %(now)s
    FROM moved, (VALUES (%(leg1)s::uuid, %(out)s, -1), (%(leg2)s::uuid, %(into)s, 1)) AS leg (id, account, sign)"""
OPEN = """
    INSERT INTO tenant_credit_wallets (id, credit_type, created_at, updated_at)
    VALUES (%(id)s, %(type)s, %(now)s, %(now)s) ON CONFLICT (tenant_id, credit_type) DO NOTHING"""
RECEIVE = f"""
    WITH moved AS (
        UPDATE tenant_credit_wallets SET balance = balance + %(n)s, version = version + 1, updated_at = %(now)s,
            unit_price_paise = coalesce(%(price)s::bigint, unit_price_paise)
        WHERE credit_type = %(type)s AND NOT EXISTS (
            SELECT FROM credit_ledger WHERE kind = 'received' AND reference = %(reference)s AND credit_type = %(type)s)
        RETURNING credit_type, %(n)s::bigint AS quantity)
    {LEGS}"""
# The wallet's row lock makes condition and change one, and one of those who take the one that crosses the threshold;
# a second reservation of one reference ends on its key.
TAKE = f"""
    WITH moved AS (
        UPDATE tenant_credit_wallets SET balance = balance - %(n)s, reserved = reserved + %(held)s,
            consumed_total = consumed_total + %(used)s, version = version + 1, updated_at = %(now)s
        WHERE credit_type = %(type)s AND balance >= %(n)s
          AND NOT EXISTS (SELECT FROM credit_reservations WHERE reference = %(reference)s)
        RETURNING id, credit_type, %(n)s::bigint AS quantity, balance, low_balance_threshold AS threshold),
    held AS (
        INSERT INTO credit_reservations (reference, credit_type, quantity, used, state, created_at, updated_at)
        SELECT %(reference)s, credit_type, quantity, %(used)s, %(state)s, %(now)s, %(now)s FROM moved),
    entered AS ({LEGS})
    SELECT id, credit_type, balance, threshold, balance < threshold AND balance + quantity >= threshold AS crossed
    FROM moved"""
COMMIT = f"""
    WITH closed AS (
        UPDATE credit_reservations SET state = 'committed', used = least(%(used)s, quantity), updated_at = %(now)s
        WHERE reference = %(reference)s AND state = 'held' RETURNING credit_type, quantity AS held, used),
    moved AS (
        UPDATE tenant_credit_wallets w SET reserved = reserved - held, consumed_total = consumed_total + used,
            balance = balance + (held - used), version = version + 1, updated_at = %(now)s
        FROM closed WHERE w.credit_type = closed.credit_type
        RETURNING w.credit_type, used AS quantity, held - used AS rest),
    given_back AS (
        INSERT INTO credit_ledger (id, transaction_id, credit_type, kind, account, quantity, reference, created_at)
        SELECT leg.id, %(transaction)s, moved.credit_type, 'release', leg.account, leg.sign * rest, %(reference)s,
               %(now)s
        FROM moved, (VALUES (%(leg3)s::uuid, 'reserved', -1), (%(leg4)s::uuid, 'balance', 1)) AS leg (id, account, sign)
        WHERE rest > 0)
    {LEGS}"""
RELEASE = f"""
    WITH closed AS (
        UPDATE credit_reservations SET state = 'released', updated_at = %(now)s
        WHERE reference = %(reference)s AND state = 'held' RETURNING credit_type, quantity AS held),
    moved AS (
        UPDATE tenant_credit_wallets w SET reserved = reserved - held, balance = balance + held, version = version + 1,
            updated_at = %(now)s
        FROM closed WHERE w.credit_type = closed.credit_type RETURNING w.credit_type, held AS quantity)
    {LEGS}"""
CREDIT_BACK = f"""
    WITH closed AS (
        UPDATE credit_reservations SET state = 'credited_back', updated_at = %(now)s
        WHERE reference = %(reference)s AND state = 'committed' AND used > 0 RETURNING credit_type, used),
    moved AS (
        UPDATE tenant_credit_wallets w SET consumed_total = consumed_total - used, balance = balance + used,
            version = version + 1, updated_at = %(now)s
        FROM closed WHERE w.credit_type = closed.credit_type RETURNING w.credit_type, used AS quantity)
    {LEGS}"""
KNOWN = "SELECT 1 FROM credit_reservations WHERE reference = %(reference)s"
ENTRIES = """
    SELECT id, transaction_id, credit_type, kind, account, quantity, reference, created_at FROM credit_ledger
    WHERE (%(after)s::uuid IS NULL OR id < %(after)s::uuid) AND (%(type)s::text IS NULL OR credit_type = %(type)s)
    ORDER BY id DESC LIMIT %(limit)s"""
HOLDINGS = """
    SELECT coalesce(sum(balance + reserved), 0)::bigint AS held, coalesce(sum(consumed_total), 0)::bigint AS consumed
    FROM tenant_credit_wallets WHERE credit_type = %(type)s"""
# Recomputed from the entries: what the cached figures must equal.
DRIFT = """
    SELECT count(*) FROM tenant_credit_wallets w CROSS JOIN LATERAL (
        SELECT coalesce(sum(quantity) FILTER (WHERE account = 'balance'), 0) AS balance,
               coalesce(sum(quantity) FILTER (WHERE account = 'reserved'), 0) AS reserved,
               coalesce(sum(quantity) FILTER (WHERE account = 'consumed'), 0) AS consumed
        FROM credit_ledger l WHERE l.credit_type = w.credit_type) AS summed
    WHERE (w.balance, w.reserved, w.consumed_total) <> (summed.balance, summed.reserved, summed.consumed)"""


class Typed(Wallet):
    """A wallet and its type."""

    credit_type: str


class Taken(BaseModel):
    """The wallet after credits were taken."""

    id: UUID
    credit_type: str
    balance: int
    threshold: int
    crossed: bool
    """It was not low before."""


class Holdings(BaseModel):
    """A tenant's part of the conservation identity."""

    held: int
    consumed: int


def legs(kind: str, reference: str, out: str, into: str) -> dict[str, object]:
    """The parameters of `LEGS`: from one account into another."""
    new = {"transaction": ids.uuid7(), **{f"leg{n}": ids.uuid7() for n in (1, 2)}}
    return {**new, "kind": kind, "reference": reference, "out": out, "into": into, "now": clock.now()}


def open_wallet(db: Db, credit_type: str) -> None:
    db.run(OPEN, id=ids.uuid7(), type=credit_type, now=clock.now())


def receive(db: Db, credit_type: str, n: int, reference: str, price: int | None) -> bool:
    moved = legs("received", reference, "platform", "balance")
    return db.run(RECEIVE, type=credit_type, n=n, price=price, **moved) > 0


def reserve(db: Db, credit_type: str, n: int, reference: str) -> Taken | None:
    moved = legs("reserve", reference, "balance", "reserved")
    return db.maybe(Taken, TAKE, type=credit_type, n=n, held=n, used=0, state="held", **moved)


def deduct(db: Db, credit_type: str, n: int, reference: str) -> Taken | None:
    moved = legs("deduct", reference, "balance", "consumed")
    return db.maybe(Taken, TAKE, type=credit_type, n=n, held=0, used=n, state="committed", **moved)


def known(db: Db, reference: str) -> bool:
    return bool(db.value(KNOWN, reference=reference))


def commit(db: Db, reference: str, used: int) -> bool:
    moved = legs("commit", reference, "reserved", "consumed")
    return db.run(COMMIT, used=used, leg3=ids.uuid7(), leg4=ids.uuid7(), **moved) > 0


def release(db: Db, reference: str) -> bool:
    return db.run(RELEASE, **legs("release", reference, "reserved", "balance")) > 0


def credit_back(db: Db, reference: str) -> bool:
    return db.run(CREDIT_BACK, **legs("credit_back", reference, "consumed", "balance")) > 0


def wallets(db: Db) -> list[Typed]:
    return db.all(Typed, f"SELECT credit_type, {WALLET} FROM tenant_credit_wallets ORDER BY credit_type")


def entries(db: Db, paging: Paging, credit_type: str | None) -> list[Entry]:
    return db.all(Entry, ENTRIES, after=paging.after, limit=paging.fetch, type=credit_type)


def holdings(db: Db, credit_type: str) -> Holdings:
    return db.one(Holdings, HOLDINGS, type=credit_type)


def drift(db: Db) -> int:
    found: int = db.value(DRIFT)
    return found


def all_tenants(core: Db) -> list[UUID]:
    return [row.id for row in core.all(_Id, "SELECT id FROM tenants WHERE cell_id IS NOT NULL AND status <> 'deleted'")]


class _Id(BaseModel):
    id: UUID
