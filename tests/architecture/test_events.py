"""events/: one real event of every kind, in the shape its function is deployed to receive."""

from __future__ import annotations

import ast
import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from studyspot.kit import events
from studyspot.kit.request import Request

from local.template import Template
from tests.architecture.sources import none_of, product

EMITTED = {"booking.{}": "booking.", "message.{}": "message.", "refund.{}": "refund."}
"""Names put together while running, and what the events of the catalogue they stand for begin with."""
EVENTS = Path(__file__).parents[2] / "events"
KINDS = {"http", "webhook", "sqs", "schedule", "stream", "step", "operation", "env"}


def test_every_event_that_is_emitted_stands_in_the_catalogue() -> None:
    """Only so can somebody subscribe to it, and knows what comes."""
    told = [
        (f"{source.name}:{call.lineno}", name)
        for source in product()
        for call in ast.walk(source.tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "outbox.emit"
        for name in names(call.args[1])
    ]
    assert len(told) > 30
    none_of(f"{place} {name}" for place, name in told if not is_known(name))


def is_known(name: str) -> bool:
    return name in events.EVENTS or any(known.startswith(EMITTED.get(name, "?")) for known in events.EVENTS)


def names(told: ast.expr) -> list[str]:
    """The event's name as the code spells it; `{}` for a part that is only known while running."""
    if isinstance(told, ast.IfExp):
        return names(told.body) + names(told.orelse)
    if isinstance(told, ast.JoinedStr):
        return ["".join(p.value if isinstance(p, ast.Constant) else "{}" for p in told.values)]
    return [told.value] if isinstance(told, ast.Constant) else []


def load(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def test_every_kind_of_function_has_an_event() -> None:
    assert {path.stem.partition("-")[0] for path in EVENTS.glob("*.json")} == KINDS


@pytest.mark.parametrize("path", sorted(EVENTS.glob("http-*.json")) + sorted(EVENTS.glob("webhook-*.json")), ids=str)
def test_http_events_are_payload_2(path: Path) -> None:
    request = Request.of(json.loads(path.read_text()))
    assert request.method in ("GET", "POST")
    assert request.path.startswith("/")
    assert request.address == "127.0.0.1"


def test_the_webhooks_are_signed_over_their_raw_bytes() -> None:
    razorpay = Request.of(load("webhook-razorpay"))
    signed = hmac.new(b"event-sample-webhook-secret", razorpay.body, hashlib.sha256).hexdigest()
    assert razorpay.headers["x-razorpay-signature"] == signed
    cashfree = Request.of(load("webhook-cashfree"))
    message = cashfree.headers["x-webhook-timestamp"].encode() + cashfree.body
    digest = hmac.new(b"event-sample-client-secret", message, hashlib.sha256).digest()
    assert cashfree.headers["x-webhook-signature"] == base64.b64encode(digest).decode()


def test_the_environment_of_sam_local_names_variables_the_template_has() -> None:
    """`sam local invoke` silently drops every name the template does not declare."""
    given = dict.fromkeys(("Stage", "AppDbSecretArn", "WorkerDbSecretArn", "MigratorDbSecretArn"), "dev")
    declared = Template("http://127.0.0.1:4566", given).functions["HealthApi"].environment
    assert set(load("env")["Parameters"]) <= set(declared)
    assert load("env")["Parameters"]["CORE_DB_HOST"] == "127.0.0.1"


@pytest.mark.parametrize("name", ["sqs-sms", "sqs-email", "sqs-payment-settler"])
def test_queue_events_carry_a_command(name: str) -> None:
    (record,) = load(name)["Records"]
    assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
    assert {"outboxId", "tenantId"} <= json.loads(record["body"]).keys()
