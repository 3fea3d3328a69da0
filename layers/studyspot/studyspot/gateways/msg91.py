"""MSG91: templated SMS out, delivery reports in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs

from studyspot.gateways.envelopes import text
from studyspot.gateways.failures import GatewayBusy, GatewayDown, GatewayRejected, GatewayTimeout, UnreadableEvent
from studyspot.gateways.payment import TIMEOUT

if TYPE_CHECKING:
    from studyspot.kit.settings import Settings

NAME = "msg91"
DeliveryState = Literal["sent", "delivered", "failed", "rejected", "blocked"]
STATES: Mapping[str, DeliveryState] = {
    "1": "delivered",
    "2": "failed",
    "9": "blocked",
    "16": "rejected",
    "17": "blocked",
    "25": "rejected",
}
ACCOUNT_STOPPED = frozenset({"207", "301", "302", "303"})
"""Bad key, no balance, expired, banned: every further message would fail as well."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What became of one message; `status_code` as the vendor wrote it."""

    request_id: str
    number: str
    status_code: str
    state: DeliveryState
    description: str = ""
    credits: int | None = None


@dataclass(frozen=True)
class Msg91:
    """One MSG91 account and the header it sends under."""

    auth_key: str = field(repr=False)
    sender: str
    base_url: str = "https://api.msg91.com"

    @classmethod
    def of(cls, settings: Settings) -> Msg91:
        return cls(
            auth_key=settings.msg91_auth_key.get_secret_value(),
            sender=settings.msg91_sender,
            base_url=settings.msg91_base_url.removesuffix("/"),
        )

    def send(self, flow_id: str, phone: str, values: Sequence[str], timeout: float = TIMEOUT) -> str:
        """Send one message; `values` fill the flow's variables in order. Answers MSG91's request id.

        There is no idempotency device: after a `GatewayTimeout` (UNKNOWN) the message must not be sent again blindly.
        """
        from studyspot.gateways.wire import answer_of, session_to

        variables = {f"VAR{place}": value for place, value in enumerate(values, start=1)}
        body = {
            "template_id": flow_id,
            "sender": self.sender,
            "short_url": "0",
            "recipients": [{"mobiles": phone.lstrip("+"), **variables}],
        }
        headers = {"authkey": self.auth_key, "Content-Type": "application/json"}
        session = session_to(NAME, self.base_url, read_error)
        url = f"{self.base_url}/api/v5/flow/"
        answer = answer_of(NAME, session.request("POST", url, data=json.dumps(body), headers=headers, timeout=timeout))
        return _accepted(answer)


def _accepted(answer: Any) -> str:
    """Refusals come with HTTP 200 too: `type` decides."""
    told = answer if isinstance(answer, dict) else {}
    message = str(told.get("message") or "")
    if told.get("type") == "success" and message:
        return message
    if told.get("type") != "error":
        raise GatewayTimeout(NAME, "the answer says neither success nor error")
    code = str(told.get("code") or "")
    if code in ACCOUNT_STOPPED:
        raise GatewayDown(NAME, message, vendor_code=code)
    if code == "311":
        raise GatewayBusy(NAME, message, vendor_code=code)
    raise GatewayRejected(NAME, message, vendor_code=code or None)


def read_error(body: Any) -> Mapping[str, str | None]:
    """`{type: error, message, code?}`."""
    if not isinstance(body, dict):
        return {}
    told = {"description": body.get("message"), "vendor_code": body.get("code")}
    return {name: str(value) for name, value in told.items() if value}


def state_of(status_code: object) -> DeliveryState:
    """Codes come as text or number; one we do not know changes nothing."""
    return STATES.get(str(status_code).strip(), "sent")


def parse_delivery_report(raw: bytes, content_type: str) -> list[DeliveryReport]:
    """All three layouts: v2 form (`data` holds a JSON array), v3 JSON object, the newer JSON array."""
    try:
        body = raw.decode()
        if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            body = parse_qs(body, strict_parsing=True, max_num_fields=20)["data"][0]
        loaded = json.loads(body)
    except (ValueError, KeyError, RecursionError):
        raise UnreadableEvent from None
    return list(_reports(loaded))


def _reports(loaded: Any) -> Iterator[DeliveryReport]:
    for item in loaded if isinstance(loaded, list) else [loaded]:
        if not isinstance(item, dict):
            raise UnreadableEvent
        nested = item.get("report")
        for line in nested if isinstance(nested, list) else [item]:
            if isinstance(line, dict):
                yield _report(item, line)


def _report(item: Mapping[str, Any], line: Mapping[str, Any]) -> DeliveryReport:
    code = (text(line.get("status")) or "").strip()
    credit = str(line.get("credit", ""))
    return DeliveryReport(
        request_id=text(line.get("requestId") or item.get("requestId")) or "",
        number=text(line.get("number")) or "",
        status_code=code,
        state=state_of(code),
        description=text(line.get("failedReason") or line.get("desc")) or "",
        credits=int(credit) if credit.isascii() and credit.isdecimal() else None,
    )
