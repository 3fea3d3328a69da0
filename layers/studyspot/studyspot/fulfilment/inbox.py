"""Vendors' webhooks: checked and stored before they are answered, processed from the queue, parked if unknown."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Any, Literal, cast
from uuid import UUID

from studyspot.fulfilment import queries
from studyspot.fulfilment.settling import settle
from studyspot.gateways.failures import UnreadableEvent
from studyspot.gateways.payment import GatewayDispute, GatewayPayment, NormalisedEvent
from studyspot.kit import cells, clock, log, outbox, settings, timers
from studyspot.kit.db import Db
from studyspot.kit.errors import IpNotAllowed
from studyspot.kit.models import Model
from studyspot.kit.request import Request
from studyspot.payments import connecting, disputes, merchants, orders, refunds
from studyspot.payments import service as payments
from studyspot.payments.models import GatewayName
from studyspot.payments.refunds import MACHINE
from studyspot.settlements import service as settlements

SETTLER = "payment-settler"
BODY_LIMIT = 256 * 1024
HANDLED = ("payment", "refund", "dispute")
KEPT_HEADERS = ("x-razorpay-event-id", "x-idempotency-key", "x-webhook-version", "x-webhook-timestamp", "content-type")
RETRY_MINUTES = (1, 5, 15, 60, 240, 720, 1440)
"""After receipt; an event that nothing here explains for a day stays parked, for people to see."""


class Receipt(Model):
    """The vendor's answer: anything but 2xx would make them send it again."""

    status: Literal["accepted", "duplicate", "ignored"]


def receive(core: Db, vendor: GatewayName, request: Request, account_ref: str | None = None) -> Receipt:
    """Source, signature over the raw bytes, then the event and its command in one transaction.

    `account_ref` names an organisation's own account: its secret signs, and only its own orders are believed.
    """
    _check_source(vendor, request.address)
    own = connecting.Receiver(core, vendor, account_ref) if account_ref else None
    gateway = own.client if own else merchants.platform(vendor)
    gateway.verify_webhook(request.body, request.headers, clock.now())
    kept = {name: value for name, value in request.headers.items() if name in KEPT_HEADERS}
    event_id, kind, handled = _named(gateway.parse_webhook, request)
    if own:
        own.heard()
        event_id = f"{own.account_id}:{event_id}"
    through = (own.account_id, own.tenant) if own else None
    state = "received" if handled else "ignored"
    with core.transaction():
        stored = queries.store(core, vendor, event_id, kind, request.body, kept, state, through)
        first = stored.deliveries == 1
        if first and handled:
            outbox.send(core, SETTLER, {"eventId": str(stored.id)})
    log.info("webhook", vendor=vendor, event=kind, eventId=event_id, deliveries=stored.deliveries)
    return Receipt(status="ignored" if not handled else "accepted" if first else "duplicate")


def _named(parse: Any, request: Request) -> tuple[str, str, bool]:
    """Correctly signed but not understood is kept raw all the same."""
    try:
        event: NormalisedEvent = parse(request.body, request.headers)
    except UnreadableEvent:
        log.warning("webhook_unreadable", requestId=request.id)
        return request.fingerprint(), "unreadable", False
    return event.event_id[:200], event.type[:100], means_something(event)


def means_something(event: NormalisedEvent) -> bool:
    """Of an order that may be ours, or of a payout."""
    return event.subject == "settlement" or (event.subject in HANDLED and bool(event.order_id))


def _check_source(vendor: str, address: str) -> None:
    """By setting: `enforce` refuses, `alarm` only tells. A signature is owed in any case."""
    s = settings.get()
    check, known = getattr(s, f"{vendor}_source_check"), getattr(s, f"{vendor}_sources").split(",")
    if check == "off" or (not s.deployed and address == "127.0.0.1") or _within(address, known):
        return
    log.warning("webhook_from_unknown_address", vendor=vendor, address=address)
    if check == "enforce":
        raise IpNotAllowed


def _within(address: str, known: list[str]) -> bool:
    try:
        source = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(source in ipaddress.ip_network(each.strip()) for each in known if each.strip())


def process(core: Db, stored_id: UUID) -> bool:
    """Apply a stored event to the payment it is about. False: nothing here explains it yet, so it is parked."""
    stored = queries.event(core, stored_id)
    if stored.state in ("processed", "ignored"):
        return True
    event = merchants.platform(stored.vendor).parse_webhook(stored.body, stored.headers)
    if event.subject == "settlement":
        settlements.announced(
            core, cast(GatewayName, stored.vendor), stored.account_id, event.occurred_at or stored.received_at
        )
        queries.mark(core, stored.id, "processed")
        return True
    owner = payments.owner_of(core, stored.vendor, event.order_id or "")
    core.commit()
    if owner is None:
        return _park(core, stored, "no payment has this order")
    with cells.tenant_db(owner.tenant_id) as db:
        if not _through_its_account(db, owner.payment_id, stored, event):
            return _park(core, stored, "the order is another account's")
        applied = _apply(db, owner.payment_id, stored, event)
    if not applied:
        return _park(core, stored, "a refund or a chargeback of nothing known")
    queries.mark(core, stored.id, "processed")
    return True


def _through_its_account(db: Db, payment_id: UUID, stored: queries.StoredEvent, event: NormalisedEvent) -> bool:
    """Whoever holds an account's secret may speak of the orders asked of that account, and of no others."""
    asked = [attempt for attempt in payments.attempts(db, payment_id) if attempt.gateway == stored.vendor]
    exactly = [attempt for attempt in asked if attempt.gateway_order_id == event.order_id]
    # the webhook may be here before the answer to the call that made the order
    return stored.account_id in {attempt.account_id for attempt in exactly or asked}


def _apply(db: Db, payment_id: UUID, stored: queries.StoredEvent, event: NormalisedEvent) -> bool:
    learnt = ("webhook", {"gateway": stored.vendor, "event": event.type, "eventId": stored.event_id})
    facts: list[GatewayPayment] = [event.payment] if event.payment and event.subject == "payment" else []
    settle(db, payment_id, facts, learnt)
    if event.dispute:
        return _dispute(db, payment_id, event.dispute)
    if event.refund is None:
        return True
    if refunds.made_elsewhere(db, payment_id, event.refund):
        return True
    # the refund's webhook was faster than the capture's: the gateway knows both
    settle(db, payment_id, orders.truth(db, payments.find(db, payment_id)))
    return refunds.made_elsewhere(db, payment_id, event.refund) is not None


def _dispute(db: Db, payment_id: UUID, told: GatewayDispute) -> bool:
    if disputes.told(db, payment_id, told):
        return True
    # before the capture's webhook: the gateway knows what was taken
    settle(db, payment_id, orders.truth(db, payments.find(db, payment_id)))
    return disputes.told(db, payment_id, told) is not None


def _park(core: Db, stored: queries.StoredEvent, why: str) -> bool:
    """A webhook may beat the answer to the call that made its order or its refund: look again, for a day."""
    log.warning("webhook_parked", vendor=stored.vendor, eventId=stored.event_id, why=why)
    age = clock.now() - stored.received_at
    due = next((m for m in RETRY_MINUTES if timedelta(minutes=m) > age), None)
    with core.transaction():
        queries.mark(core, stored.id, "parked", why)
        if due:
            again = stored.received_at + timedelta(minutes=due)
            timers.wait(core, again, MACHINE, stored.id, "event", period=str(due))
    return False
