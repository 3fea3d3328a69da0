"""The three AWS calls of the product; clients are made when first used, because importing boto3 costs 0.2 s."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from studyspot.kit import settings


@cache
def client(service: str) -> Any:
    """A boto3 client with bounded time-outs (`AWS_ENDPOINT_URL` names the local stand-in)."""
    import boto3
    from botocore.config import Config

    limits = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
    return boto3.client(service, config=limits)


_ENDING = "_queue_url"
QUEUES = tuple(sorted(
    name.removesuffix(_ENDING).replace("_", "-") for name in settings.Settings.model_fields if name.endswith(_ENDING)
))  # fmt: skip
"""Every queue the product can be configured with."""


class NotConfigured(Exception):
    """This function's settings do not name the queue, machine or bus."""


def _named(setting: str) -> str:
    """Looked at before a client is made: a function without the address never pays for boto3."""
    address: str = getattr(settings.get(), setting)
    if not address:
        raise NotConfigured(setting)
    return address


def queue_url(queue: str) -> str:
    """Where a queue is (`sms-otp`)."""
    return _named(f"{queue.replace('-', '_')}_queue_url")


def send_message(queue: str, message: dict[str, Any]) -> None:
    """To a standard SQS queue."""
    url = queue_url(queue)
    client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(message))


def start_execution(machine: str, name: str, message: dict[str, Any]) -> None:
    """Start a Standard state machine; one that already runs under this name is the one that was asked for."""
    arn = _named(f"{machine}_machine_arn")
    sfn = client("stepfunctions")
    try:
        sfn.start_execution(stateMachineArn=arn, name=name[:80], input=json.dumps(message))
    except sfn.exceptions.ExecutionAlreadyExists:
        return


def put_event(kind: str, message: dict[str, Any]) -> None:
    """To the product's event bus."""
    entry = {
        "EventBusName": _named("event_bus_name"),
        "Source": "studyspot",
        "DetailType": kind,
        "Detail": json.dumps(message),
    }
    answer = client("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"event bus refused {kind}: {answer['Entries'][0].get('ErrorCode')}")
