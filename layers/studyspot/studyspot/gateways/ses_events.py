"""What Amazon SES tells of a mail that left, by its configuration set's events.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from studyspot.gateways.envelopes import envelope_of, text
from studyspot.gateways.failures import UnreadableEvent

MailState = Literal["delivered", "bounced", "complained", "delayed", "rejected"]
KINDS: Mapping[str, MailState] = {
    "Delivery": "delivered",
    "Bounce": "bounced",
    "Complaint": "complained",
    "DeliveryDelay": "delayed",
    "Reject": "rejected",
}
DETAILS = {"Bounce": "bounce", "Complaint": "complaint", "DeliveryDelay": "deliveryDelay", "Reject": "reject"}


@dataclass(frozen=True, slots=True)
class MailEvent:
    """About one mail; `tenant` and `message` are the tags it left with."""

    state: MailState
    vendor_id: str
    tenant: UUID
    message: UUID
    code: str
    description: str
    lasting: bool
    """The address takes no mail, and will take none."""


def parse(said: bytes) -> MailEvent | None:
    """None when it tells nothing of a mail of ours."""
    event = envelope_of(said)
    kind, mail = str(event.get("eventType")), event.get("mail")
    if kind not in KINDS or not isinstance(mail, dict):
        return None
    tags, told = mail.get("tags"), event.get(DETAILS.get(kind, ""))
    tenant, message = (_tag(tags, name) for name in ("tenant", "message"))
    if tenant is None or message is None:
        return None
    detail = told if isinstance(told, dict) else {}
    code = text(detail.get("bounceSubType") or detail.get("complaintFeedbackType") or detail.get("delayType")) or kind
    return MailEvent(
        state=KINDS[kind],
        vendor_id=text(mail.get("messageId")) or "",
        tenant=tenant,
        message=message,
        code=code[:80],
        description=_words(detail),
        lasting=kind == "Bounce" and detail.get("bounceType") == "Permanent",
    )


def _tag(tags: Any, name: str) -> UUID | None:
    values = tags.get(name) if isinstance(tags, dict) else None
    try:
        return UUID(str(values[0])) if isinstance(values, list) and values else None
    except ValueError:
        raise UnreadableEvent from None


def _words(detail: Mapping[str, Any]) -> str:
    """The receiving server's own, where it said some."""
    people = detail.get("bouncedRecipients") or detail.get("delayedRecipients")
    first = people[0] if isinstance(people, list) and people and isinstance(people[0], dict) else {}
    return (text(first.get("diagnosticCode")) or text(detail.get("reason")) or "")[:200]
