"""What a payout is matched with: captures and refunds as the gateway names them, many at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.payments.queries.gateways import Owner


class OrderOwner(Owner):
    """Whose order that is, with its name."""

    gateway_order_id: str


class Taken(Model):
    """A capture with the account its order was asked of."""

    id: UUID
    payment_id: UUID
    gateway_payment_id: str
    gateway_order_id: str
    account_id: UUID | None
    amount_paise: int
    fee_paise: int
    tax_paise: int
    surplus: bool
    captured_at: datetime


class GivenBack(Model):
    """A refund with the account its money was taken through."""

    id: UUID
    payment_id: UUID
    capture_id: UUID
    gateway_refund_id: str | None
    gateway_payment_id: str
    gateway_order_id: str
    reference: str
    account_id: UUID | None
    amount_paise: int
    status: Literal["pending", "succeeded", "failed"]
    succeeded_at: datetime | None


TAKEN = """
    SELECT c.id, c.payment_id, c.gateway_payment_id, c.gateway_order_id, t.account_id, c.amount_paise, c.fee_paise,
           c.tax_paise, c.surplus, c.captured_at
    FROM payment_captures c
    JOIN payment_attempts t ON t.gateway = c.gateway AND t.gateway_order_id = c.gateway_order_id
    WHERE c.gateway = %(gateway)s AND """
GIVEN_BACK = """
    SELECT r.id, r.payment_id, r.capture_id, r.gateway_refund_id, c.gateway_payment_id, c.gateway_order_id, r.reference,
           t.account_id, r.amount_paise, r.status, r.succeeded_at
    FROM refunds r JOIN payment_captures c ON c.id = r.capture_id
    JOIN payment_attempts t ON t.gateway = c.gateway AND t.gateway_order_id = c.gateway_order_id
    WHERE r.gateway = %(gateway)s AND """


def owners_of(core: Db, gateway: str, order_ids: list[str]) -> dict[str, UUID]:
    """Whose orders these are; one that the directory does not know is nobody's."""
    found = core.all(
        OrderOwner,
        "SELECT tenant_id, payment_id, gateway_order_id FROM gateway_orders"
        " WHERE gateway = %(gateway)s AND gateway_order_id = ANY(%(orders)s)",
        gateway=gateway,
        orders=order_ids,
    )
    return {row.gateway_order_id: row.tenant_id for row in found}


def tenants_at(core: Db, gateway: str, since: datetime) -> list[UUID]:
    """Every organisation that had an order there since then."""
    query = "SELECT DISTINCT tenant_id FROM gateway_orders WHERE gateway = %(gateway)s AND created_at >= %(since)s"
    return [row["tenant_id"] for row in core.dicts(query, gateway=gateway, since=since)]


def own_accounts(core: Db) -> list[tuple[Any, UUID]]:
    """Every own account the directory knows."""
    found = core.dicts("SELECT gateway, account_id FROM gateway_account_owners ORDER BY account_id")
    return [(row["gateway"], row["account_id"]) for row in found]


def payments_of(db: Db, order_ids: list[str]) -> dict[str, UUID]:
    """The payments that these orders are attempts of."""
    query = "SELECT gateway_order_id, payment_id FROM payment_attempts WHERE gateway_order_id = ANY(%(orders)s)"
    return {row["gateway_order_id"]: row["payment_id"] for row in db.dicts(query, orders=order_ids)}


def taken(db: Db, gateway: str, gateway_payment_ids: list[str]) -> list[Taken]:
    """The captures of these."""
    return db.all(Taken, TAKEN + "c.gateway_payment_id = ANY(%(ids)s)", gateway=gateway, ids=gateway_payment_ids)


def taken_between(db: Db, gateway: str, start: datetime, end: datetime) -> list[Taken]:
    """What was captured in this time."""
    where = "c.captured_at >= %(start)s AND c.captured_at < %(end)s ORDER BY c.id"
    return db.all(Taken, TAKEN + where, gateway=gateway, start=start, end=end)


def given_back(db: Db, gateway: str, gateway_refund_ids: list[str], references: list[str]) -> list[GivenBack]:
    """The refunds of these names, the gateway's or ours."""
    where = "(r.gateway_refund_id = ANY(%(ids)s) OR r.reference = ANY(%(references)s))"
    return db.all(GivenBack, GIVEN_BACK + where, gateway=gateway, ids=gateway_refund_ids, references=references)


def given_back_between(db: Db, gateway: str, start: datetime, end: datetime) -> list[GivenBack]:
    """What went back in this time."""
    where = "r.status = 'succeeded' AND r.succeeded_at >= %(start)s AND r.succeeded_at < %(end)s ORDER BY r.id"
    return db.all(GivenBack, GIVEN_BACK + where, gateway=gateway, start=start, end=end)


def mark_settled(db: Db, gateway: str, payments: list[UUID], captures: list[UUID], fees: list[int]) -> None:
    """The money of these has arrived, and this is what it cost: no later word on the fee is booked any more."""
    db.run(
        """
        WITH told AS (SELECT * FROM unnest(%(payments)s::uuid[], %(captures)s::uuid[], %(fees)s::bigint[])
                          AS t (payment_id, capture_id, fee)),
        learnt AS (UPDATE payment_captures c SET fee_known = true FROM told
                   WHERE c.id = told.capture_id AND c.gateway = %(gateway)s AND NOT c.fee_known)
        UPDATE payments p SET settled_at = coalesce(p.settled_at, %(now)s), fee_paise = greatest(told.fee, 0),
                              updated_at = %(now)s
        FROM told JOIN payment_captures k ON k.id = told.capture_id
        WHERE p.id = told.payment_id AND NOT k.surplus""",
        gateway=gateway,
        payments=payments,
        captures=captures,
        fees=fees,
        now=clock.now(),
    )
