"""The mail service: SES v2's way of sending one message."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.simulators.deliveries import Deliveries
from local.simulators.outbox import Outbox, zulu
from local.simulators.protocol import Refused, Reply, Request, Route, vendor_id

DELIVERED = (("Delivery", "delivery", "recipients", {"smtpResponse": "250 OK"}),)
COMPLAINED = ("Complaint", "complaint", "complainedRecipients", {"complaintFeedbackType": "abuse"})
TRIALS = {
    "bounce": (("Bounce", "bounce", "bouncedRecipients", {"bounceType": "Permanent", "bounceSubType": "General"}),),
    "ooto": (("Bounce", "bounce", "bouncedRecipients", {"bounceType": "Transient", "bounceSubType": "General"}),),
    "complaint": (*DELIVERED, COMPLAINED),
}
TRIAL_DOMAIN = "simulator.amazonses.com"
"""https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html"""
TOKEN = re.compile(r"[?&#]token=([A-Za-z0-9._~%-]+)")


class MailSimulator:
    """Accepts any signed request (the signature itself is not recomputed) and keeps what it was told to send."""

    name = "mail"
    mount = "ses"

    def __init__(self, outbox: Outbox, deliveries: Deliveries, clock: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._deliveries = deliveries
        self._clock = clock
        self.routes = [Route("POST", "/v2/email/outbound-emails", "send", self._send)]

    def admit(self, request: Request) -> None:
        if not request.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
            raise Refused(403, "Missing Authentication Token", "MissingAuthenticationTokenException")

    def error(self, refused: Refused) -> Any:
        code = {429: "TooManyRequestsException", 400: "BadRequestException", 404: "NotFoundException"}
        return {"__type": code.get(refused.status, refused.code), "message": refused.message}

    def _send(self, request: Request) -> Reply:
        mail = request.json()
        try:
            to = [str(address) for address in mail["Destination"]["ToAddresses"]]
            sender, simple = str(mail["FromEmailAddress"]), mail["Content"]["Simple"]
            subject, body = str(simple["Subject"]["Data"]), simple["Body"]
            text = str((body.get("Text") or body["Html"])["Data"])
        except (KeyError, TypeError, AttributeError):
            raise Refused(400, "Sender, recipients, subject and body are required.") from None
        if not to or any("@" not in address for address in [*to, sender]):
            raise Refused(400, "Missing final '@domain'")
        tags = {tag.get("Name"): tag.get("Value") for tag in mail.get("EmailTags") or []}
        token = TOKEN.search(text)
        message_id = vendor_id("ses-", 24)
        for place, address in enumerate(to):
            self._outbox.add(
                {
                    "id": f"{message_id}-{place}",
                    "channel": "email",
                    "to": address,
                    "templateId": tags.get("template"),
                    "subject": subject,
                    "body": text,
                    "at": zulu(self._clock()),
                    "variables": {"token": token[1]} if token else {},
                    "status": "sent",
                }
            )
            if mail.get("ConfigurationSetName"):
                self._report(message_id, address, {name: [value] for name, value in tags.items()})
        return Reply(200, {"MessageId": message_id})

    def _report(self, message_id: str, address: str, tags: dict[Any, Any]) -> None:
        """As SES does; its own addresses for trying things out fail here too."""
        mailbox, _, domain = address.partition("@")
        kinds = TRIALS.get(mailbox.partition("+")[0], DELIVERED) if domain == TRIAL_DOMAIN else DELIVERED
        mail = {"messageId": message_id, "timestamp": zulu(self._clock()), "destination": [address], "tags": tags}
        bodies = [
            (
                vendor_id("sns-", 24),
                json.dumps({"eventType": kind, "mail": mail, name: {**detail, people: [to]}}).encode(),
            )
            for kind, name, people, detail in kinds
            for to in [{"emailAddress": address}]
        ]
        self._deliveries.send("ses", bodies)
