"""What the product relies on of the AWS stand-in: each test is a behaviour that an upgrade must keep."""

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.running import Sample


@pytest.fixture
def queue(sample: Sample) -> Iterator["Queue"]:
    yield Queue(sample, "work-local")


class Queue:
    """A queue of the sample, with the product's few calls."""

    def __init__(self, sample: Sample, name: str) -> None:
        self.sqs = sample.stand_in.client("sqs")
        self.url = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def send(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def depth(self) -> int:
        asked = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=asked)["Attributes"]
        return sum(int(value) for value in found.values())


def run(sample: Sample, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Start the sample machine and wait for its end."""
    states = sample.stand_in.client("stepfunctions")
    arn = states.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    started = states.start_execution(stateMachineArn=arn, name=name, input=json.dumps(given))

    def ended() -> Any:
        found = states.describe_execution(executionArn=started["executionArn"])
        return found if found["status"] != "RUNNING" else None

    found: dict[str, Any] = sample.eventually(ended)
    return found


def test_a_message_reaches_the_consumer_and_is_gone(sample: Sample, queue: Queue) -> None:
    queue.send("hello")
    sample.eventually(lambda: sample.notes() == [{"message": "hello", "receives": "1"}])
    sample.eventually(lambda: queue.depth() == 0)


def test_a_failed_message_returns_alone_and_ends_among_dead_letters(sample: Sample, queue: Queue) -> None:
    dead = Queue(sample, "work-local-dead")
    before = dead.depth()
    for body in ("good", "poison", "fine"):
        queue.send(body)
    sample.eventually(lambda: dead.depth() == before + 1)
    seen = sorted((note["message"], note["receives"]) for note in sample.notes())
    assert seen == [("fine", "1"), ("good", "1"), ("poison", "1"), ("poison", "2")]


def test_a_busy_step_is_tried_again(sample: Sample) -> None:
    ended = run(sample, "busy", {"raises": "Busy"})
    assert ended["status"] == "FAILED"
    assert ended["error"] == "Busy"
    assert len(sample.notes()) == 2


def test_a_refusal_is_caught_by_the_name_of_its_class(sample: Sample) -> None:
    ended = run(sample, "refused", {"raises": "Refused"})
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"]) == {"outcome": "declined"}
    assert len(sample.notes()) == 1


def test_an_execution_may_enter_in_the_middle(sample: Sample) -> None:
    ended = run(sample, "resumed", {"resume": "finish"})
    assert json.loads(ended["output"]) == {"resume": "finish"}
    assert sample.notes() == []


def test_a_step_answers_with_its_own_output(sample: Sample) -> None:
    assert json.loads(run(sample, "plain", {"given": 1})["output"]) == {"given": 1, "done": True}


def test_a_name_starts_one_execution_only(sample: Sample) -> None:
    run(sample, "once", {"given": 1})
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        run(sample, "once", {"given": 2})


def test_the_history_tells_what_happened(sample: Sample) -> None:
    ended = run(sample, "told", {})
    events = sample.stand_in.client("stepfunctions").get_execution_history(executionArn=ended["executionArn"])["events"]
    assert "TaskStateEntered" in {event["type"] for event in events}


def test_an_event_is_taken_by_the_bus(sample: Sample) -> None:
    entry = {"EventBusName": "sample-local", "Source": "s", "DetailType": "t", "Detail": "{}"}
    assert sample.stand_in.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_it_comes_back_when_it_is_killed(sample: Sample) -> None:
    before = sample.stand_in.pid
    os.kill(before, signal.SIGKILL)
    sample.eventually(lambda: sample.stand_in.pid != before)

    def answers() -> bool:
        try:
            Queue(sample, "work-local").send("after")
        except Exception:  # noqa: BLE001 - until it is back, anything may come
            return False
        return True

    sample.eventually(answers)
    sample.eventually(lambda: {"message": "after", "receives": "1"} in sample.notes())
    time.sleep(0.2)
    assert run(sample, "after the kill", {})["status"] == "SUCCEEDED"
