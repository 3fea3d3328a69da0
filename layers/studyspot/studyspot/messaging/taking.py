"""Taking one SMS on: credits put aside, the row, and the command or the timer that will send it, in one transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from studyspot.credits import service as wallets
from studyspot.credits.models import InsufficientCredits
from studyspot.kit import clock, outbox, timers
from studyspot.kit.db import Db
from studyspot.messaging import hours, queries, sealing
from studyspot.messaging.models import Message
from studyspot.messaging.segments import size
from studyspot.messaging.wording import TEMPLATES, Template
from studyspot.policies.models import Messages

RELEASE_TIMER = "sms_release"


@dataclass(frozen=True)
class Draft:
    """Who is told what, because of what."""

    id: UUID
    template: Template
    phone: str
    variables: dict[str, str]
    recipient_id: UUID | None = None
    recipient_type: str | None = None
    about: UUID | None = None
    acted_at: datetime | None = None

    @property
    def text(self) -> str:
        return self.template.render(self.variables)


def enqueue(db: Db, draft: Draft, night: Messages) -> Message:
    """Queued, scheduled for the end of the night, or `failed` for want of credits; one-time codes cost none."""
    now = clock.now()
    due = now if draft.template.is_otp else hours.allowed_from(now, draft.acted_at, night)
    try:
        if not draft.template.is_otp:
            wallets.reserve(db, "sms", size(draft.text).segments, reference(draft.id))
    except InsufficientCredits:
        return keep(db, draft, "failed", error_code=InsufficientCredits.code)
    if due > now:
        timers.wait(db, due, RELEASE_TIMER, draft.id, "send")
        return keep(db, draft, "scheduled", due_at=due)
    command(db, draft.id, draft.template.code)
    if not draft.template.is_otp:
        outbox.emit(db, "message.queued", draft.id, {"channel": "sms", "template": draft.template.code})
    return keep(db, draft, "queued")


def keep(db: Db, draft: Draft, status: str, error_code: str | None = None, due_at: datetime | None = None) -> Message:
    """The row, in which codes are masked; what has to leave is sealed beside it."""
    template = draft.template
    shown = sealing.masked(draft.variables, template.secrets)
    return queries.add(
        db,
        id=draft.id,
        recipient_id=draft.recipient_id,
        recipient_type=draft.recipient_type,
        channel="sms",
        template_id=template.code,
        to_address=draft.phone,
        body=template.render(shown),
        variables=json.dumps({name: shown[name] for name in template.variables}),
        segments=size(draft.text).segments,
        status=status,
        error_code=error_code,
        about=draft.about,
        acted_at=draft.acted_at,
        due_at=due_at,
        sealed=sealing.seal(draft.variables, draft.id) if template.secrets and not error_code else None,
    )


def command(db: Db, message_id: UUID, template_code: str) -> None:
    """One-time codes have a queue of their own, so they never wait behind anything."""
    is_otp = template_code in TEMPLATES and TEMPLATES[template_code].is_otp
    outbox.send(db, "sms-otp" if is_otp else "sms-service", {"communicationId": str(message_id)})


def reference(message_id: UUID) -> str:
    """Under which a message's credits are put aside."""
    return f"message:{message_id}"


def release(db: Db, message_id: UUID, given: dict[str, object]) -> None:
    """The night is over (timer `sms_release`)."""
    if queries.release(db, message_id):
        command(db, message_id, queries.state(db, message_id).template_id)
