"""The vendors' stored events as operators look at them, and have them worked off once more."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.fulfilment import queries
from studyspot.fulfilment.inbox import SETTLER, means_something
from studyspot.fulfilment.models import InboundEvent, NothingToReprocess, State
from studyspot.gateways import KINDS
from studyspot.gateways.envelopes import form_of, parse
from studyspot.gateways.failures import UnreadableEvent
from studyspot.kit import audit, outbox
from studyspot.kit.db import Db
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.payments import merchants

SHOWN_BYTES = 16 * 1024
HIDDEN = "***"
OPEN_NAMES = frozenset(
    """
    id entity object type event status state order_id orderid payment_id paymentid refund_id refid refundid txnid
    txnamount txntype txndate refundamount cf_payment_id cf_refund_id cf_order_id payment_intent charge dispute_id
    amount amount_received amount_refunded amount_paise order_amount payment_amount refund_amount currency
    order_currency payment_currency refund_currency payment_status refund_status order_status dispute_status
    is_captured captured method payment_group paymentmode fee tax reference receipt reason error_code error_reason
    respcode code decline_code event_time created created_at payment_time phase livemode api_version""".split()  # noqa: SIM905 - eighty quoted words are harder to read
)
"""Names of what tells nothing of a person; whatever has another name is hidden."""


def listed(core: Db, vendor: str | None, state: State | None, kind: str | None, paging: Paging) -> Page[InboundEvent]:
    """Newest first."""
    rows = queries.events(core, vendor, state, kind, paging.after, paging.fetch)
    return paging.page([_shown(row) for row in rows])


def reprocess(core: Db, event_id: UUID) -> InboundEvent:
    """Back into the queue. What it tells is applied like everything a gateway says: known facts change nothing."""
    with core.transaction():
        row = queries.event(core, event_id)
        if not _means_something(row):
            raise NothingToReprocess
        queries.reopen(core, event_id)
        outbox.send(core, SETTLER, {"eventId": str(event_id)})
        audit.note(core, "webhooks.reprocess", "webhook_events", event_id, {"state": row.state}, {"state": "received"})
        return _shown(queries.event(core, event_id))


def _means_something(row: queries.StoredEvent) -> bool:
    if row.vendor not in KINDS:
        return False
    try:
        event = merchants.platform(row.vendor).parse_webhook(row.body, row.headers)
    except UnreadableEvent:
        return False
    return means_something(event)


def _shown(row: queries.StoredEvent) -> InboundEvent:
    facts = row.model_dump(exclude={"body", "headers"})
    return InboundEvent(**facts, payload=_payload(row.body))


def _payload(body: bytes) -> Any:
    if len(body) > SHOWN_BYTES:
        return {"bytes": len(body)}
    for read in (parse, form_of):
        try:
            return masked(read(body))
        except (ValueError, UnreadableEvent, RecursionError):
            continue
    return {"bytes": len(body)}


def masked(value: Any, open_: bool = False) -> Any:
    """Names stay, and the values of those that are known to be harmless."""
    if isinstance(value, dict):
        return {_printable(name): masked(inner, name.lower() in OPEN_NAMES) for name, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, open_) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    return (_printable(value) if isinstance(value, str) else value) if open_ else HIDDEN


def _printable(word: str) -> str:
    """JSON may carry half of a character; an answer cannot."""
    return word.encode("utf-8", "replace").decode()
