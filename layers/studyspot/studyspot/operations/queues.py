"""SQS as the operator needs it: how full the queues are, and dead letters back to where they came from."""

from __future__ import annotations

from typing import Any

from studyspot.kit import aws, clock, log
from studyspot.kit.errors import NotFound
from studyspot.operations import queries
from studyspot.operations.models import QueueUnreachable, QueueView, Redriven

WAITING, IN_FLIGHT, DELAYED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
AT_A_TIME = 10
MOST = 500
"""As many as one request moves."""
HELD_SECONDS = 30
"""How long a dead letter is ours; killed meanwhile, it shows again."""


def seen() -> list[QueueView]:
    """Every queue, also those that do not answer."""
    waiting = queries.open_commands()
    return [_seen(name, *waiting.get(name, (0, None))) for name in aws.QUEUES]


def _seen(name: str, count: int, oldest: Any) -> QueueView:
    age = round((clock.now() - oldest).total_seconds(), 1) if oldest else None
    commands: dict[str, Any] = {"open_commands": count, "oldest_seconds": age}
    try:
        own, dead = _depth(aws.queue_url(name)), _depth(_dead(name))
    except aws.NotConfigured:
        return QueueView(name=name, status="not_configured", **commands)
    except _outages() as outage:
        log.warning("queue_unreachable", queue=name, error=repr(outage))
        return QueueView(name=name, status="unreachable", **commands)
    return QueueView(
        name=name,
        status="connected",
        waiting=own[WAITING],
        in_flight=own[IN_FLIGHT],
        delayed=own[DELAYED],
        dead_letters=dead[WAITING] + dead[IN_FLIGHT],
        **commands,
    )


def redrive(name: str) -> Redriven:
    """Each is sent before it is deleted: killed in between it comes twice, and the outbox row knows a duplicate."""
    if name not in aws.QUEUES:
        raise NotFound
    sqs, moved = aws.client("sqs"), 0
    try:
        own, dead = aws.queue_url(name), _dead(name)
        while moved < MOST:
            found = sqs.receive_message(
                QueueUrl=dead, MaxNumberOfMessages=AT_A_TIME, VisibilityTimeout=HELD_SECONDS, WaitTimeSeconds=0
            ).get("Messages", [])
            if not found:
                break
            for message in found:
                sqs.send_message(QueueUrl=own, MessageBody=message["Body"])
                sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
        left = _depth(dead)
    except _outages() as outage:
        log.error("redrive_stopped", queue=name, moved=moved, error=repr(outage))
        raise QueueUnreachable(moved=moved) from outage
    return Redriven(moved=moved, remaining=left[WAITING] + left[IN_FLIGHT])


def _dead(name: str) -> str:
    """Dead letters lie in a queue beside, named alike."""
    return f"{aws.queue_url(name)}-dead"


def _depth(url: str) -> dict[str, int]:
    asked = [WAITING, IN_FLIGHT, DELAYED]
    found = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=asked)["Attributes"]
    return {name: int(found.get(name, 0)) for name in asked}


def _outages() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError  # the operator's looks alone load it

    return BotoCoreError, ClientError, aws.NotConfigured
