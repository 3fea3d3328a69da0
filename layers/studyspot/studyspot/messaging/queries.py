"""SQL of templates, messages, delivery reports and opt-outs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.messaging.models import (
    Clearance,
    DeliveryEvent,
    Message,
    Order,
    Outgoing,
    State,
    StoredReport,
    TemplateView,
)

SEED_TEMPLATE = """
    INSERT INTO sms_templates (id, code, header, category, body, variables, created_at, updated_at)
    VALUES (%(id)s, %(code)s, %(header)s, 'service_implicit', %(body)s, %(variables)s, %(now)s, %(now)s)
    ON CONFLICT (tenant_id, code) DO NOTHING"""
SEED_HEADER = """
    INSERT INTO dlt_headers (id, header, entity_id, created_at) VALUES (%(id)s, %(header)s, %(entity)s, %(now)s)
    ON CONFLICT (tenant_id, header) DO NOTHING"""
TEMPLATE = "SELECT id, code, dlt_template_id, header, category, body, variables, language, status FROM sms_templates"
BARRED = """EXISTS (SELECT FROM tenant_gate
    WHERE status = 'offboarding' OR (status = 'suspended' AND scope IN ('all', 'messaging')))"""
CLEARANCE = f"""
    SELECT t.code, t.body AS text, t.variables, t.status,
           {BARRED} AS barred, tenant_policy('messages') AS night,
           EXISTS (SELECT FROM suppression_list WHERE channel = 'sms' AND address = %(to)s) AS suppressed,
           EXISTS (SELECT FROM communications WHERE about = %(about)s AND template_id = %(code)s AND to_address = %(to)s
                       AND created_at > %(since)s AND status <> 'failed') AS repeated
    FROM (SELECT 1) AS asked LEFT JOIN sms_templates t ON t.code = %(code)s OR t.id::text = %(code)s"""
MESSAGE = """
    id, recipient_id, recipient_type, channel, template_id, to_address, body, variables, segments, credits_used, status,
    error_code, sent_at, delivered_at, due_at, created_at"""
ADD = f"""
    INSERT INTO communications (id, recipient_id, recipient_type, channel, template_id, to_address, body, variables,
                                segments, status, error_code, about, acted_at, due_at, sealed, created_at)
    VALUES (%(id)s, %(recipient_id)s, %(recipient_type)s, %(channel)s, %(template_id)s, %(to_address)s, %(body)s,
            %(variables)s::json, %(segments)s, %(status)s, %(error_code)s, %(about)s, %(acted_at)s, %(due_at)s,
            %(sealed)s, %(now)s)
    RETURNING {MESSAGE}"""
HISTORY = f"""
    SELECT {MESSAGE} FROM communications
    WHERE (%(after)s::uuid IS NULL OR id < %(after)s::uuid)
      AND (%(channel)s::text IS NULL OR channel = %(channel)s) AND (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(template)s::text IS NULL OR template_id = %(template)s) AND (%(to)s::text IS NULL OR to_address = %(to)s)
    ORDER BY id DESC LIMIT %(limit)s"""
EVENTS = """
    SELECT status, code, description, received_at FROM delivery_events
    WHERE communication_id = %(id)s ORDER BY received_at, id"""
CLAIM = f"""
    UPDATE communications c SET status = 'sending', claimed_at = %(now)s
    WHERE c.id = %(id)s AND c.status = 'queued'
    RETURNING c.id, c.template_id, c.to_address, c.body, c.variables, c.sealed, c.segments, c.acted_at, c.created_at,
              c.due_at, {BARRED} AS barred, (SELECT reason FROM suppression_list s WHERE c.channel = 'email'
                                                 AND s.channel = c.channel AND s.address = c.to_address) AS refused,
              tenant_policy('messages') AS night,
              coalesce((SELECT flow_id FROM sms_templates WHERE code = c.template_id), c.template_id) AS flow_id"""
UNCLAIM = "UPDATE communications SET status = 'queued', claimed_at = NULL WHERE id = %(id)s AND status = 'sending'"
SCHEDULE = "UPDATE communications SET status = 'scheduled', due_at = %(due)s WHERE id = %(id)s AND status = 'sending'"
RELEASE = "UPDATE communications SET status = 'queued' WHERE id = %(id)s AND status = 'scheduled'"
SENT = """
    UPDATE communications
    SET status = CASE WHEN status = 'sending' THEN 'sent' ELSE status END, sealed = NULL,
        provider_message_id = %(vendor_id)s, sent_at = %(now)s, credits_used = %(credits)s
    WHERE id = %(id)s AND provider_message_id IS NULL"""
ENDED = """
    UPDATE communications SET status = %(status)s, error_code = %(code)s, sealed = NULL, provider_message_id =
        coalesce(provider_message_id, %(vendor_id)s)
    WHERE id = %(id)s AND status IN ('sending', 'sent', 'unknown') AND status <> %(status)s"""
DELIVERED = """
    UPDATE communications
    SET status = 'delivered', delivered_at = %(now)s, sealed = NULL, error_code = NULL,
        provider_message_id = coalesce(provider_message_id, %(vendor_id)s), credits_used = %(credits)s
    WHERE id = %(id)s AND status IN ('sending', 'sent', 'unknown')"""
UNCHARGED = "UPDATE communications SET credits_used = 0 WHERE id = %(id)s"
MAIL_ADDRESS = """
    SELECT to_address FROM communications
    WHERE id = %(id)s AND channel = 'email' AND coalesce(provider_message_id, %(vendor_id)s) = %(vendor_id)s
    FOR UPDATE"""
SUPPRESS = """
    INSERT INTO suppression_list (id, channel, address, reason, created_at)
    VALUES (%(id)s, %(channel)s, %(address)s, %(reason)s, %(now)s) ON CONFLICT DO NOTHING"""
STATE = """
    SELECT id, template_id, to_address, status, claimed_at, due_at, segments FROM communications WHERE id = %(id)s"""
ADD_EVENT = """
    INSERT INTO delivery_events (id, communication_id, status, code, description, received_at)
    VALUES (%(event_id)s, %(id)s, %(status)s, %(code)s, %(description)s, %(now)s)"""
ADD_ORDER = """
    INSERT INTO message_orders (communication_id, tenant_id, vendor, number_hash, provider_message_id, created_at)
    VALUES (%(id)s, %(tenant)s, %(vendor)s, %(number)s, %(vendor_id)s, %(now)s)
    ON CONFLICT (tenant_id, communication_id) DO UPDATE
        SET provider_message_id = coalesce(message_orders.provider_message_id, EXCLUDED.provider_message_id)"""
ORDER_OF = "SELECT provider_message_id FROM message_orders WHERE tenant_id = %(tenant)s AND communication_id = %(id)s"
ORDER = """
    SELECT tenant_id, communication_id FROM message_orders
    WHERE vendor = %(vendor)s AND provider_message_id = %(vendor_id)s AND number_hash = %(number)s"""
ADOPT = """
    WITH lost AS (
        SELECT tenant_id, communication_id, count(*) OVER () AS candidates FROM message_orders
        WHERE vendor = %(vendor)s AND provider_message_id IS NULL AND number_hash = %(number)s
          AND created_at BETWEEN %(since)s AND %(until)s)
    UPDATE message_orders o SET provider_message_id = %(vendor_id)s FROM lost
    WHERE lost.candidates = 1 AND o.tenant_id = lost.tenant_id AND o.communication_id = lost.communication_id
    RETURNING o.tenant_id, o.communication_id"""
STORE_REPORT = """
    INSERT INTO webhook_events (id, vendor, event_id, kind, body, headers, state, received_at)
    VALUES (%(id)s, %(vendor)s, %(event)s, %(kind)s, %(body)s, '{}', 'received', %(now)s)
    ON CONFLICT (tenant_id, vendor, event_id) DO UPDATE SET deliveries = webhook_events.deliveries + 1
    RETURNING deliveries"""
CLOSE_REPORT = """
    UPDATE webhook_events SET state = %(state)s, detail = %(detail)s, processed_at = %(now)s
    WHERE vendor = %(vendor)s AND event_id = %(event)s"""
OPEN_REPORTS = """
    SELECT event_id, body, received_at FROM webhook_events
    WHERE vendor = %(vendor)s AND kind = 'delivery_report' AND state IN ('received', 'parked')
    ORDER BY received_at LIMIT 500"""


def seed_template(db: Db, code: str, header: str, body: str, variables: Sequence[str]) -> None:
    facts = {"code": code, "header": header, "body": body, "variables": list(variables)}
    db.run(SEED_TEMPLATE, id=ids.uuid7(), now=clock.now(), **facts)


def seed_header(db: Db, header: str, entity: str) -> None:
    db.run(SEED_HEADER, id=ids.uuid7(), header=header, entity=entity, now=clock.now())


def templates(db: Db) -> list[TemplateView]:
    return db.all(TemplateView, f"{TEMPLATE} ORDER BY code")


def template(db: Db, template_id: UUID) -> TemplateView:
    return db.one(TemplateView, f"{TEMPLATE} WHERE id = %(id)s", id=template_id)


def clearance(db: Db, code: str, to: str, about: UUID | None, within: timedelta) -> Clearance:
    return db.one(Clearance, CLEARANCE, code=code, to=to, about=about, since=clock.now() - within)


def add(db: Db, **row: Any) -> Message:
    return db.one(Message, ADD, now=clock.now(), **row)


def history(db: Db, paging: Paging, **filters: str | None) -> list[Message]:
    return db.all(Message, HISTORY, after=paging.after, limit=paging.fetch, **filters)


def of_recipient(db: Db, recipient_id: UUID, after: str | None, fetch: int) -> list[Message]:
    """Newest first."""
    query = f"""
        SELECT {MESSAGE} FROM communications
        WHERE recipient_id = %(id)s AND (%(after)s::uuid IS NULL OR id < %(after)s::uuid)
        ORDER BY id DESC LIMIT %(fetch)s"""
    return db.all(Message, query, id=recipient_id, after=after, fetch=fetch)


def message(db: Db, message_id: UUID) -> Message:
    return db.one(Message, f"SELECT {MESSAGE} FROM communications WHERE id = %(id)s", id=message_id)


def events(db: Db, message_id: UUID) -> list[DeliveryEvent]:
    return db.all(DeliveryEvent, EVENTS, id=message_id)


def claim(db: Db, message_id: UUID) -> Outgoing | None:
    return db.maybe(Outgoing, CLAIM, id=message_id, now=clock.now())


def unclaim(db: Db, message_id: UUID) -> None:
    db.run(UNCLAIM, id=message_id)


def schedule(db: Db, message_id: UUID, due: datetime) -> None:
    db.run(SCHEDULE, id=message_id, due=due)


def release(db: Db, message_id: UUID) -> bool:
    return db.run(RELEASE, id=message_id) == 1


def sent(db: Db, message_id: UUID, vendor_id: str, credits_used: int) -> bool:
    return db.run(SENT, id=message_id, vendor_id=vendor_id, credits=credits_used, now=clock.now()) == 1


def ended(db: Db, message_id: UUID, status: str, code: str, vendor_id: str | None = None) -> bool:
    return db.run(ENDED, id=message_id, status=status, code=code, vendor_id=vendor_id) == 1


def delivered(db: Db, message_id: UUID, vendor_id: str, credits_used: int) -> bool:
    return db.run(DELIVERED, id=message_id, vendor_id=vendor_id, credits=credits_used, now=clock.now()) == 1


def uncharged(db: Db, message_id: UUID) -> None:
    db.run(UNCHARGED, id=message_id)


def state(db: Db, message_id: UUID) -> State:
    return db.one(State, STATE, id=message_id)


def mail_address(db: Db, message_id: UUID, vendor_id: str) -> str | None:
    """Of a mail that the vendor knows by that id, or may know by it: one without an answer has none yet."""
    found: str | None = db.value(MAIL_ADDRESS, id=message_id, vendor_id=vendor_id)
    return found


def suppress(db: Db, channel: str, address: str, reason: str) -> None:
    db.run(SUPPRESS, id=ids.uuid7(), channel=channel, address=address, reason=reason, now=clock.now())


def add_event(db: Db, message_id: UUID, status: str, code: str, description: str) -> None:
    facts = {"status": status, "code": code, "description": description[:200]}
    db.run(ADD_EVENT, event_id=ids.uuid7(), id=message_id, now=clock.now(), **facts)


def add_order(core: Db, tenant: UUID, message_id: UUID, vendor: str, number: str, vendor_id: str | None) -> None:
    """`number` is its keyed hash."""
    facts = {"tenant": tenant, "id": message_id, "vendor": vendor, "number": number, "vendor_id": vendor_id}
    core.run(ADD_ORDER, now=clock.now(), **facts)


def order_of(core: Db, tenant: UUID, message_id: UUID) -> str | None:
    """The vendor's id of a message, if its acceptance was recorded."""
    found: str | None = core.value(ORDER_OF, tenant=tenant, id=message_id)
    return found


def order(core: Db, vendor: str, vendor_id: str, number: str) -> Order | None:
    return core.maybe(Order, ORDER, vendor=vendor, vendor_id=vendor_id, number=number)


def adopt(core: Db, vendor: str, vendor_id: str, number: str, since: datetime, until: datetime) -> Order | None:
    """The one message to this number whose answer was lost; None when there is none or more than one."""
    facts = {"vendor": vendor, "vendor_id": vendor_id, "number": number, "since": since, "until": until}
    return core.maybe(Order, ADOPT, **facts)


def store_report(core: Db, vendor: str, event: str, kind: str, body: bytes) -> bool:
    """True the first time."""
    facts = {"vendor": vendor, "event": event, "kind": kind, "body": body}
    deliveries: int = core.value(STORE_REPORT, id=ids.uuid7(), now=clock.now(), **facts)
    return deliveries == 1


def close_report(core: Db, vendor: str, event: str, state: str, detail: str) -> None:
    core.run(CLOSE_REPORT, vendor=vendor, event=event, state=state, detail=detail, now=clock.now())


def open_reports(core: Db, vendor: str) -> list[StoredReport]:
    return core.all(StoredReport, OPEN_REPORTS, vendor=vendor)
