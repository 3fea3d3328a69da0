"""Endpoints, deliveries and the catalogue of events, as they are asked for and shown."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from studyspot.kit.errors import Problem, RuleViolated
from studyspot.kit.events import EVENTS
from studyspot.kit.models import Change, Email, Model, Timestamp

EVERY = "*"


class EndpointForbidden(Problem):
    """Webhooks do not go to that address.

    Only https on the public internet is called; private networks, credentials in the URL and unknown names are refused.
    """

    status, code = 422, "endpoint_forbidden"


class TooManyEndpoints(RuleViolated):
    """An organisation has at most 20 endpoints."""


def _known(events: list[str]) -> list[str]:
    for event in events:
        known = EVENTS.get(event)
        if event != EVERY and (known is None or known.platform):
            raise ValueError(f"{event[:100]} is not an event; GET /webhooks/events lists them")
    return sorted(set(events))


def _usable(secret: str) -> str:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise ValueError("whsec_ and 24 to 64 bytes in base64")
    return secret


Events = Annotated[list[str], Field(min_length=1, max_length=100), AfterValidator(_known)]
Secret = Annotated[str, Field(max_length=100), AfterValidator(_usable)]
Url = Annotated[str, Field(min_length=8, max_length=2000)]


class EndpointRequest(Model):
    """Where to send which events. Without a secret one is made; either way it is shown once."""

    url: Url
    events: Events = [EVERY]
    description: Annotated[str, Field(max_length=500)] | None = None
    secret: Secret | None = None
    notice_to: Email | None = None


class EndpointChange(Change):
    """A new secret leaves the old one signing too for a day."""

    url: Url = ""
    events: Events = [EVERY]
    description: Annotated[str, Field(max_length=500)] | None = None
    secret: Secret = ""
    notice_to: Email | None = None
    enabled: bool = True


class Endpoint(Model):
    """An endpoint; `failingSince` says since when nothing was accepted."""

    id: UUID
    url: str
    events: list[str]
    description: str | None
    notice_to: str | None
    status: Literal["enabled", "disabled"]
    failing_since: Timestamp | None
    disabled_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class NewEndpoint(Endpoint):
    """With the secret, this once."""

    secret: str


class Attempt(Model):
    """One try and what was answered (its first 2 KiB)."""

    number: int
    attempted_at: Timestamp
    duration_ms: int
    status_code: int | None
    answer: str | None
    failure: str | None


class Delivery(Model):
    """One event for one endpoint, with the body that is sent and every try."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_type: str
    subject: UUID
    body: str
    status: Literal["pending", "delivered", "failed"]
    next_at: Timestamp | None
    created_at: Timestamp
    ended_at: Timestamp | None
    attempts: list[Attempt]


class EventKind(Model):
    """An event that can be subscribed to, and the JSON Schema of a delivery's body."""

    type: str
    description: str
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class Due(BaseModel):
    """A delivery that is its sender's for a minute."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_type: str
    subject: UUID
    body: str
    tries: int
    attempts: int
    url: str
    secret: str
    old_secret: str | None
    old_until: Timestamp | None


class Standing(BaseModel):
    """How an endpoint does after an attempt."""

    url: str
    notice_to: str | None
    failing_since: Timestamp | None


class Match(BaseModel):
    """An event, and an endpoint that wants it."""

    endpoint_id: UUID
    event_id: UUID
    event_type: str
    payload: dict[str, Any]
