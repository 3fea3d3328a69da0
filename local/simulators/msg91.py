"""MSG91: renders registered flows, keeps the messages and reports their delivery."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from local.simulators.deliveries import Deliveries
from local.simulators.faults import Faults
from local.simulators.keys import Keys
from local.simulators.outbox import Outbox, zulu
from local.simulators.protocol import Refused, Reply, Request, Route, vendor_id
from local.simulators.store import Store

INDIA = timezone(timedelta(hours=5, minutes=30))
NUMBER = re.compile(r"91[6-9]\d{9}")
VARIABLE = "{#var#}"


@dataclass(frozen=True)
class Template:
    """The DLT text with `{#var#}` marks and what they stand for, in order."""

    text: str
    names: tuple[str, ...] = ()

    def render(self, values: list[str]) -> str:
        parts = self.text.split(VARIABLE)
        filled = [*values, *[""] * len(parts)]
        return "".join(part + (filled[place] if place < len(parts) - 1 else "") for place, part in enumerate(parts))

    def named(self, values: list[str]) -> dict[str, str]:
        names = [*self.names, *(f"var{place + 1}" for place in range(len(self.names), len(values)))]
        return dict(zip(names, values, strict=False))


class Msg91Simulator:
    """Accepts `/api/v5/flow/`; refusals come with HTTP 200 and `type: error`, as the vendor's often do."""

    name = "msg91"
    mount = "msg91"

    def __init__(
        self,
        store: Store,
        deliveries: Deliveries,
        faults: Faults,
        outbox: Outbox,
        keys: Keys,
        clock: Callable[[], datetime],
        templates: Mapping[str, Template],
        console: Callable[[str], None],
    ) -> None:
        self._store = store
        self._deliveries = deliveries
        self._faults = faults
        self._outbox = outbox
        self._keys = keys
        self._clock = clock
        self._templates = dict(templates)
        self._console = console
        self.routes = [Route("POST", "/api/v5/flow/?", "send", self._send)]

    def register(self, flow_id: str, template: Template) -> None:
        self._templates[flow_id] = template

    def admit(self, request: Request) -> None:
        presented = request.headers.get("authkey", "")
        if not hmac.compare_digest(presented.encode(), self._keys.msg91_auth_key.encode()):
            raise Refused(401, "Invalid authkey", "207")

    def error(self, refused: Refused) -> Any:
        body = {"type": "error", "message": refused.message}
        return body | ({"code": refused.code} if refused.code.isdecimal() else {})

    def _send(self, request: Request) -> Reply:
        try:
            return self._accept(request.json())
        except Refused as refused:
            return Reply(200, self.error(refused))

    def _accept(self, body: dict[str, Any]) -> Reply:
        flow_id = str(body.get("template_id") or body.get("flow_id") or "")
        template = self._templates.get(flow_id)
        recipients = body.get("recipients")
        if template is None:
            raise Refused(400, "Template id missing or invalid")
        if not isinstance(recipients, list) or not recipients:
            raise Refused(400, "recipients missing")
        for recipient in recipients:
            number = recipient.get("mobiles") if isinstance(recipient, dict) else None
            if not isinstance(number, str) or not NUMBER.fullmatch(number):
                raise Refused(400, "Please provide valid mobile number", "202")
        request_id = vendor_id("", 24).lower()
        with self._store.change():
            for recipient in recipients:
                self._take(request_id, flow_id, template, recipient)
        return Reply(200, {"type": "success", "message": request_id})

    def _take(self, request_id: str, flow_id: str, template: Template, recipient: dict[str, Any]) -> None:
        values = [str(recipient.get(f"VAR{place + 1}", "")) for place in range(template.text.count(VARIABLE))]
        failed = self._faults.take_named("msg91", "deliver") is not None
        number, now = recipient["mobiles"], self._clock()
        item = {
            "id": f"{request_id}-{number}",
            "channel": "sms",
            "to": f"+{number}",
            "templateId": flow_id,
            "subject": None,
            "body": template.render(values),
            "at": zulu(now),
            "variables": template.named(values),
            "status": "failed" if failed else "delivered",
        }
        self._outbox.add(item)
        if flow_id == "otp_login":
            self._console(otp_line(item))
        report = {
            "requestId": request_id,
            "number": number,
            "status": "2" if failed else "1",
            "desc": "FAILED" if failed else "DELIVERED",
            "failedReason": "Absent subscriber" if failed else "",
            "date": now.astimezone(INDIA).strftime("%Y-%m-%d %H:%M:%S"),
            "senderId": "STDYSP",
            "campaignName": "API",
            "credit": "1",
        }
        self._deliveries.send("msg91", [(str(item["id"]), json.dumps(report).encode())])


def otp_line(item: Mapping[str, Any]) -> str:
    """`OTP 482913 → +91…, login, 5 min`."""
    variables = item["variables"]
    code = variables.get("code") or next(iter(variables.values()), "")
    return f"OTP {code} → {item['to']}, {variables.get('purpose', 'login')}, {variables.get('minutes', '5')} min"
