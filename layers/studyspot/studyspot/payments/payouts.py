"""What those who read payouts need of payments: whose an order is, what was taken and given back, what has arrived."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from studyspot.gateways.payment import PaymentGateway
from studyspot.kit.db import Db
from studyspot.payments import merchants, queries
from studyspot.payments.models import GatewayName
from studyspot.payments.queries import payouts
from studyspot.payments.queries.payouts import GivenBack, Taken

__all__ = ["GivenBack", "Taken"]


def owners_of(core: Db, gateway: str, order_ids: list[str]) -> dict[str, UUID]:
    """Whose orders these are; one that the directory does not know is nobody's."""
    return payouts.owners_of(core, gateway, order_ids)


def tenants_at(core: Db, gateway: str, since: datetime) -> list[UUID]:
    """Every organisation that had an order there since then."""
    return payouts.tenants_at(core, gateway, since)


def owner_of_account(core: Db, gateway: str, account_id: UUID) -> UUID | None:
    """Whose own account that is."""
    return queries.owner_of_account(core, gateway, account_id)


def client(db: Db, gateway: str, account_id: UUID | None) -> PaymentGateway:
    """Who is asked for the payouts of an account; `db` is its organisation's."""
    if account_id is None:
        return merchants.platform(gateway)
    account = merchants.own(db, queries.account(db, account_id))
    db.commit()
    return account


def all_own_accounts(core: Db) -> list[tuple[GatewayName, UUID]]:
    """Every organisation's own accounts, also those that take no payments any more: money may still be paid out."""
    return payouts.own_accounts(core)


def payments_of(db: Db, order_ids: list[str]) -> dict[str, UUID]:
    """The payments that these orders are attempts of."""
    return payouts.payments_of(db, order_ids)


def taken(db: Db, gateway: str, gateway_payment_ids: list[str]) -> dict[str, Taken]:
    """Captures by the gateway's name of them."""
    return {one.gateway_payment_id: one for one in payouts.taken(db, gateway, gateway_payment_ids)}


def taken_between(db: Db, gateway: str, start: datetime, end: datetime) -> list[Taken]:
    """What was captured in this time."""
    return payouts.taken_between(db, gateway, start, end)


def given_back(db: Db, gateway: str, ids: list[str], references: list[str]) -> dict[str, GivenBack]:
    """Refunds by the gateway's name of them and by ours."""
    found = payouts.given_back(db, gateway, ids, references)
    return {one.reference: one for one in found} | {
        one.gateway_refund_id: one for one in found if one.gateway_refund_id
    }


def given_back_between(db: Db, gateway: str, start: datetime, end: datetime) -> list[GivenBack]:
    """What went back in this time."""
    return payouts.given_back_between(db, gateway, start, end)


def settled(db: Db, gateway: str, arrived: list[tuple[UUID, UUID, int]]) -> None:
    """The money of these (payment, capture, fee with GST) is in the bank."""
    if arrived:
        payments, captures, fees = (list(column) for column in zip(*arrived, strict=True))
        payouts.mark_settled(db, gateway, payments, captures, fees)
