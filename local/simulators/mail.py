"""The mail service: SES v2's way of sending one message."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.simulators.outbox import Outbox, zulu
from local.simulators.protocol import Refused, Reply, Request, Route, vendor_id

TOKEN = re.compile(r"[?&#]token=([A-Za-z0-9._~%-]+)")


class MailSimulator:
    """Accepts any signed request (the signature itself is not recomputed) and keeps what it was told to send."""

    name = "mail"
    mount = "ses"

    def __init__(self, outbox: Outbox, clock: Callable[[], datetime]) -> None:
        self._outbox = outbox
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
        return Reply(200, {"MessageId": message_id})
