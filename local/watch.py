"""What is queued, what is running, what is dead: the stand-in's state, and whether the whole stage has come to rest."""

import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import requests

from local.pool import FunctionPool
from local.stand_in import StandIn
from local.template import Template

EXECUTIONS_SHOWN = 50
REST = 0.4
"""Seconds without any work after which messages in flight are taken to wait for their next try."""


class Watch:
    """Reads the stand-in, never changes it but for `redrive`."""

    def __init__(self, stand_in: StandIn, template: Template, pools: Mapping[str, FunctionPool]) -> None:
        self._stand_in = stand_in
        self._template = template
        self._pools = pools
        self._http = requests.Session()
        self._parked: set[tuple[str, int]] = set()

    @cached_property
    def _states(self) -> Any:
        return self._stand_in.client("stepfunctions")

    def queues(self) -> list[dict[str, Any]]:
        """Each queue with its depth, its oldest message and its dead letters."""
        self._stand_in.wait_until_laid_out()
        held = self._messages()
        names = {queue.logical_id: queue.name for queue in self._template.queues}
        return [
            {
                "name": _short(queue.name),
                "depth": len(held.get(queue.name, [])),
                "inFlight": sum(not message["IsVisible"] for message in held.get(queue.name, [])),
                "oldest": _oldest(held.get(queue.name, [])),
                "deadLetters": [_letter(message) for message in held.get(names[queue.dead_letters], [])],
            }
            for queue in self._template.queues
            if queue.dead_letters
        ]

    def executions(self) -> list[dict[str, Any]]:
        """The latest executions of every machine with their history, newest first."""
        self._stand_in.wait_until_laid_out()
        found = [
            self._execution(summary) | {"machine": _short(machine["name"])}
            for machine in self._states.list_state_machines()["stateMachines"]
            for summary in self._states.list_executions(
                stateMachineArn=machine["stateMachineArn"], maxResults=EXECUTIONS_SHOWN
            )["executions"]
        ]
        return sorted(found, key=lambda execution: str(execution["startedAt"]), reverse=True)[:EXECUTIONS_SHOWN]

    def redrive(self, name: str) -> int:
        """Put a queue's dead letters back; KeyError for an unknown queue."""
        queue = next(
            (queue for queue in self._template.queues if queue.dead_letters and _short(queue.name) == name), None
        )
        if queue is None:
            raise KeyError(name)
        dead = next(other for other in self._template.queues if other.logical_id == queue.dead_letters)
        sqs = self._stand_in.client("sqs")
        target = sqs.get_queue_url(QueueName=queue.name)["QueueUrl"]
        source = sqs.get_queue_url(QueueName=dead.name)["QueueUrl"]
        moved = 0
        while messages := sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                sqs.send_message(QueueUrl=target, MessageBody=message["Body"])
                sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
        return moved

    def wait_for_rest(self, longest: float = 30.0) -> None:
        """Return when nothing runs and nothing waits for a first try; a stand-in that is down holds nothing."""
        deadline = time.monotonic() + longest
        quiet_since = None
        while time.monotonic() < deadline:
            in_flight = self._tries_in_flight()
            if in_flight is None:
                quiet_since = None
            elif in_flight <= self._parked:
                return
            else:
                quiet_since = quiet_since or time.monotonic()
                if time.monotonic() - quiet_since > REST:
                    self._parked = in_flight
                    return
            time.sleep(0.02)

    def _tries_in_flight(self) -> set[tuple[str, int]] | None:
        """Messages out with a consumer, each with its count of tries; nothing while anything waits or runs."""
        if any(pool.busy for pool in self._pools.values()):
            return None
        try:
            dead = {queue.name for queue in self._template.queues if not queue.dead_letters}
            messages = [m for name, held in self._messages().items() if name not in dead for m in held]
            if any(message["IsVisible"] for message in messages) or self._running():
                return None
        except (requests.ConnectionError, OSError):
            return set()
        return {(message["MessageId"], message["ReceiveCount"]) for message in messages}

    def _running(self) -> bool:
        from botocore.exceptions import BotoCoreError

        try:
            return any(
                self._states.list_executions(stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING")[
                    "executions"
                ]
                for machine in self._machines
            )
        except BotoCoreError as error:
            raise ConnectionError(str(error)) from error

    @cached_property
    def _machines(self) -> list[Mapping[str, str]]:
        found: list[Mapping[str, str]] = self._states.list_state_machines()["stateMachines"]
        return found

    def _messages(self) -> dict[str, list[dict[str, Any]]]:
        """What every queue holds, by the queue's name, without touching it."""
        answer = self._http.get(f"{self._stand_in.endpoint}/_ministack/sqs/messages", timeout=5).json()
        regions: Iterable[Mapping[str, Any]] = (
            region for account in answer["messages"].values() for region in account.values()
        )
        return {url.rpartition("/")[2]: held for region in regions for url, held in region.items()}

    def _execution(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        arn = summary["executionArn"]
        described = self._states.describe_execution(executionArn=arn)
        history = self._states.get_execution_history(executionArn=arn, maxResults=200)["events"]
        return {
            "id": arn,
            "name": summary["name"],
            "status": summary["status"],
            "startedAt": summary["startDate"],
            "endedAt": summary.get("stopDate"),
            "error": described.get("error"),
            "input": json.loads(described.get("input") or "null"),
            "history": [{"at": event["timestamp"], "type": event["type"], "state": _state(event)} for event in history],
        }


def _state(event: Mapping[str, Any]) -> str | None:
    details = event.get("stateEnteredEventDetails") or event.get("stateExitedEventDetails") or {}
    name: str | None = details.get("name")
    return name


def _short(name: str) -> str:
    """`studyspot-local-sms-otp` is `sms-otp` to everybody."""
    parts = name.split("-", 2)
    return parts[2] if len(parts) == 3 else name


def _letter(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": message["MessageId"],
        "body": message["Body"],
        "receives": message["ReceiveCount"],
        "sentAt": _at(message),
    }


def _at(message: Mapping[str, Any]) -> str:
    return datetime.fromtimestamp(message["SentTimestamp"], UTC).isoformat().replace("+00:00", "Z")


def _oldest(messages: list[dict[str, Any]]) -> str | None:
    return min((_at(message) for message in messages), default=None)
