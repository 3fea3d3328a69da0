"""What owners do with their endpoints, and which of them is told of an event."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from studyspot.gateways import receivers
from studyspot.kit import audit, clock, ids, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import StateConflict
from studyspot.kit.events import EVENTS
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.webhooks import queries, signing
from studyspot.webhooks.models import (
    Delivery,
    Endpoint,
    EndpointChange,
    EndpointForbidden,
    EndpointRequest,
    EventKind,
    Match,
    NewEndpoint,
    TooManyEndpoints,
)

QUEUE = "webhook-outbound"
MOST_ENDPOINTS = 20
TEST = "webhook.test"


def add(db: Db, actor: Actor, asked: EndpointRequest) -> NewEndpoint:
    """An endpoint on the public internet, with a secret that is shown now and never again."""
    _allowed(asked.url)
    endpoint_id, secret = ids.uuid7(), asked.secret or signing.fresh_secret()
    facts = asked.model_dump(include={"url", "events", "description"})
    with db.transaction():
        if queries.count(db) >= MOST_ENDPOINTS:
            raise TooManyEndpoints
        made = queries.add(
            db,
            endpoint_id,
            **facts,
            secret=signing.sealed(secret, endpoint_id),
            notice_to=asked.notice_to or actor.email,
            created_by=actor.id,
        )
        audit.note(db, "webhooks.add", "webhook_endpoints", endpoint_id, after=facts)
    return NewEndpoint(**made.model_dump(), secret=secret)


def change(db: Db, endpoint_id: UUID, asked: EndpointChange) -> Endpoint:
    """Switched on again it starts afresh; switched off, what is open is given up."""
    wanted = asked.changes()
    if "url" in wanted:
        _allowed(asked.url)
    facts = {name: value for name, value in wanted.items() if name != "enabled"}
    if "secret" in facts:
        facts["secret"] = signing.sealed(asked.secret, endpoint_id)
    with db.transaction():
        before = queries.endpoint(db, endpoint_id, "FOR UPDATE")
        if wanted.get("enabled"):
            facts |= {"status": "enabled", "failing_since": None, "disabled_at": None}
        elif "enabled" in wanted:
            queries.disable(db, endpoint_id)
        after = queries.change(db, endpoint_id, facts)
        audit.note(
            db,
            "webhooks.change",
            "webhook_endpoints",
            endpoint_id,
            before=before.model_dump(mode="json"),
            after=after.model_dump(mode="json"),
        )
    return after


def remove(db: Db, endpoint_id: UUID) -> None:
    """With everything that was ever sent to it."""
    with db.transaction():
        gone = queries.endpoint(db, endpoint_id, "FOR UPDATE")
        queries.remove(db, endpoint_id)
        audit.note(db, "webhooks.remove", "webhook_endpoints", endpoint_id, before=gone.model_dump(mode="json"))


def test(db: Db, actor: Actor, endpoint_id: UUID) -> Delivery:
    """Send it a `webhook.test`, whatever it subscribed to."""
    with db.transaction():
        known = queries.endpoint(db, endpoint_id, "FOR SHARE")
        if known.status != "enabled":
            raise StateConflict("the endpoint is disabled")
        event_id = ids.uuid7()
        payload = {
            "version": 1,
            "occurredAt": clock.now().isoformat(),
            "actor": str(actor.id),
            "subject": str(endpoint_id),
            "data": {"message": "This is what a delivery looks like."},
        }
        match = Match(endpoint_id=endpoint_id, event_id=event_id, event_type=TEST, payload=payload)
        made = _deliver(db, match)
        assert made is not None, "an id of this moment is new"
        return queries.delivery(db, made)


def replay(db: Db, delivery_id: UUID) -> Delivery:
    """Again, under the same id; what is still being tried needs no replay."""
    with db.transaction():
        known = queries.delivery(db, delivery_id)
        if queries.endpoint(db, known.endpoint_id, "FOR SHARE").status != "enabled":
            raise StateConflict("the endpoint is disabled")
        if not queries.begin_again(db, delivery_id):
            raise StateConflict("the delivery has not ended yet")
        outbox.send(db, QUEUE, {"deliveryId": delivery_id})
        audit.note(db, "webhooks.replay", "webhook_deliveries", delivery_id)
        return queries.delivery(db, delivery_id)


def listed(
    db: Db, paging: Paging, endpoint_id: UUID | None, status: str | None, event_type: str | None
) -> Page[Delivery]:
    return paging.page(queries.deliveries(db, paging, endpoint_id, status, event_type))


def catalogue() -> list[EventKind]:
    """What can be subscribed to."""
    return [
        EventKind(type=name, description=event.says, schema_=_body_schema(name))
        for name, event in sorted(EVENTS.items())
        if not event.platform
    ]


def fan_out(db: Db, events: list[UUID]) -> None:
    """One delivery for each endpoint and event, in the transaction that commands it; again adds nothing."""
    for match in queries.matches(db, events):
        _deliver(db, match)


def _deliver(db: Db, match: Match) -> UUID | None:
    delivery_id = ids.uuid7()
    told = match.payload
    body = json.dumps(
        {
            "id": str(match.event_id),
            "type": match.event_type,
            "version": told["version"],
            "timestamp": told["occurredAt"],
            "tenantId": str(db.tenant),
            "actor": told["actor"],
            "subject": told["subject"],
            "data": told["data"],
        }
    )
    if not queries.add_delivery(db, delivery_id, match, UUID(told["subject"]), body):
        return None
    outbox.send(db, QUEUE, {"deliveryId": delivery_id})
    return delivery_id


def _allowed(url: str) -> None:
    try:
        receivers.checked(url)
    except receivers.Forbidden as why:
        raise EndpointForbidden(str(why)) from None


def _body_schema(name: str) -> dict[str, Any]:
    ident = {"type": "string", "format": "uuid"}
    fields = {
        "id": ident,
        "type": {"const": name},
        "version": {"const": 1},
        "timestamp": {"type": "string", "format": "date-time"},
        "tenantId": ident,
        "actor": {"type": ["string", "null"], "format": "uuid"},
        "subject": ident,
        "data": EVENTS[name].schema(),
    }
    return {"type": "object", "properties": fields, "required": list(fields)}
