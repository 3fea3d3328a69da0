"""Delivery reports: kept first, then placed by (vendor's id, number); each changes its message at most once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import timedelta

from studyspot.credits import service as wallets
from studyspot.gateways.failures import UnreadableEvent
from studyspot.gateways.msg91 import NAME as MSG91
from studyspot.gateways.msg91 import DeliveryReport, parse_delivery_report
from studyspot.kit import cells, clock, log, outbox
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.messaging import queries
from studyspot.messaging.delivery import charged, number_hash
from studyspot.messaging.models import Order, StoredReport
from studyspot.messaging.taking import reference

CREDITED_BACK = frozenset({"failed", "rejected", "blocked"})
"""What did not arrive costs the tenant nothing, whoever's fault it was."""
ADOPT_AFTER = timedelta(minutes=5)
"""By then every sender at work has recorded what the vendor took; only lost answers are left without its id."""
KEPT_FOR = timedelta(hours=24)
LOST_WITHIN = timedelta(hours=72)


def take_in(core: Db, raw: bytes, content_type: str) -> str:
    """`accepted`, `duplicate` or `ignored`. What can be read is stored before it is answered."""
    try:
        reports = parse_delivery_report(raw, content_type)
    except UnreadableEvent:
        event = hashlib.sha256(raw).hexdigest()
        queries.store_report(core, MSG91, event, "unreadable", raw)
        queries.close_report(core, MSG91, event, "parked", "unreadable")
        return "ignored"
    outcomes = {_take_in(core, report) for report in reports if report.request_id and report.number}
    return next((o for o in ("accepted", "duplicate") if o in outcomes), "ignored")


def _take_in(core: Db, report: DeliveryReport) -> str:
    event = f"{report.request_id}:{report.number}:{report.status_code}"[:200]
    if not queries.store_report(core, MSG91, event, "delivery_report", json.dumps(asdict(report)).encode()):
        return "duplicate"
    order = queries.order(core, MSG91, report.request_id, number_hash(report.number))
    if order is None:
        queries.close_report(core, MSG91, event, "parked", "unknown message")
        return "ignored"
    try:
        _apply(order, report)
    except Exception as error:  # noqa: BLE001 - it is stored: the minute schedule applies it, the vendor need not repeat it
        log.error("report_left_to_schedule", communication=order.communication_id, error=repr(error))
        return "accepted"
    queries.close_report(core, MSG91, event, "processed", report.state)
    return "accepted"


def settle_reports() -> int:
    """Place the reports that came before their message was recorded, or that tell of a lost answer; minute schedule."""
    with cells.core_db() as core:
        return sum(_settle(core, stored) for stored in queries.open_reports(core, MSG91))


def _settle(core: Db, stored: StoredReport) -> bool:
    report = DeliveryReport(**json.loads(stored.body))
    number, age = number_hash(report.number), clock.now() - stored.received_at
    order = queries.order(core, MSG91, report.request_id, number)
    if order is None and age > ADOPT_AFTER:
        since = stored.received_at - LOST_WITHIN
        order = queries.adopt(core, MSG91, report.request_id, number, since, stored.received_at + ADOPT_AFTER)
    if order:
        try:
            _apply(order, report)
        except NotFound:  # the organisation has left, and its messages with it
            queries.close_report(core, MSG91, stored.event_id, "ignored", "the message is gone")
            return False
        queries.close_report(core, MSG91, stored.event_id, "processed", report.state)
    elif age > KEPT_FOR:
        queries.close_report(core, MSG91, stored.event_id, "ignored", "no message of ours")
    return order is not None


def _apply(order: Order, report: DeliveryReport) -> None:
    """Only forward: what was delivered stays delivered, what failed stays failed."""
    with cells.tenant_db(order.tenant_id) as db, db.transaction():
        message = queries.state(db, order.communication_id)
        queries.add_event(db, message.id, report.state, report.status_code, report.description)
        cost = charged(message.template_id, message.segments)
        if report.state == "delivered":
            if queries.delivered(db, message.id, report.request_id, cost):
                outbox.emit(db, "message.delivered", message.id)
                if cost:
                    wallets.commit(db, reference(message.id), cost)
        elif report.state in CREDITED_BACK and queries.ended(
            db, message.id, "failed", f"{report.state}_{report.status_code}", report.request_id
        ):
            wallets.release(db, reference(message.id))
            wallets.credit_back(db, reference(message.id))
            queries.uncharged(db, message.id)
