"""What became of a mail: kept first, then told to its message; an address that takes none is not written to again."""

from __future__ import annotations

from studyspot.gateways.failures import GatewayFailure, UnreadableEvent
from studyspot.gateways.ses import NAME as SES
from studyspot.gateways.ses_events import MailEvent, parse
from studyspot.gateways.sns import SUBSCRIPTION, Envelope, Topic
from studyspot.kit import cells, clock, log, outbox, settings
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound, Unavailable
from studyspot.messaging import queries
from studyspot.messaging.models import StoredReport
from studyspot.messaging.reports import KEPT_FOR

SUPPRESSING = {"bounced": "bounced", "complained": "complaint"}


def take_in(core: Db, raw: bytes) -> str:
    """`accepted`, `duplicate`, `ignored` or `confirmed`. What tells of a mail is stored before it is answered."""
    known = settings.get()
    topic = Topic(known.mail_events_topic_arn, known.sns_base_url)
    try:
        envelope = topic.opened(raw)
        if envelope.kind == SUBSCRIPTION:
            topic.confirm(envelope)
            return "confirmed"
        event = parse(envelope.text.encode("utf-8", "surrogatepass"))
    except UnreadableEvent:
        return "ignored"
    except GatewayFailure:
        raise Unavailable(headers={"Retry-After": "30"}) from None
    return _take_in(core, envelope, event) if event else "ignored"


def settle_bounces() -> int:
    """What could not be told to its message when it came; minute schedule."""
    with cells.core_db() as core:
        return sum(_settle(core, stored) for stored in queries.open_reports(core, SES))


def _take_in(core: Db, envelope: Envelope, event: MailEvent) -> str:
    if not queries.store_report(core, SES, envelope.message_id[:200], "delivery_report", envelope.text.encode()):
        return "duplicate"
    try:
        told = _apply(event)
    except Exception as error:  # noqa: BLE001 - it is stored: the minute schedule applies it, AWS need not repeat it
        log.error("bounce_left_to_schedule", communication=event.message, error=repr(error))
        return "accepted"
    queries.close_report(core, SES, envelope.message_id[:200], "processed" if told else "ignored", event.state)
    return "accepted" if told else "ignored"


def _settle(core: Db, stored: StoredReport) -> bool:
    event = parse(stored.body)
    assert event is not None, "only what tells of a mail is stored"
    try:
        told = _apply(event)
    except Exception as error:  # noqa: BLE001 - one that fails stops none of the others
        log.error("bounce_not_applied", communication=event.message, error=repr(error))
        if clock.now() - stored.received_at > KEPT_FOR:
            queries.close_report(core, SES, stored.event_id, "parked", repr(error)[:200])
        return False
    queries.close_report(core, SES, stored.event_id, "processed" if told else "ignored", event.state)
    return told


def _apply(event: MailEvent) -> bool:
    """Only forward. False where the organisation, or the mail as AWS knows it, is not here."""
    try:
        with cells.tenant_db(event.tenant) as db, db.transaction():
            address = queries.mail_address(db, event.message, event.vendor_id)
            if address is None:
                return False
            queries.add_event(db, event.message, event.state, event.code, event.description)
            _told(db, event)
            if event.state == "complained" or event.lasting:
                queries.suppress(db, "email", address, SUPPRESSING[event.state])
    except NotFound:
        return False
    return True


def _told(db: Db, event: MailEvent) -> None:
    if event.state == "delivered":
        if queries.delivered(db, event.message, event.vendor_id, 0):
            outbox.emit(db, "message.delivered", event.message)
    elif event.lasting or event.state == "rejected":
        code = f"{event.state}_{event.code.lower()}"
        if queries.ended(db, event.message, "failed", code, event.vendor_id):
            outbox.emit(db, "message.failed", event.message, {"reason": code})
