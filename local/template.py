"""template.yaml as the local stage sees it: functions, routes, queues, schedules and machines, defined there alone."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.intrinsics import ACCOUNT, REGION, Resolver, load

ROOT = Path(__file__).resolve().parent.parent
LAMBDA_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"


@dataclass(frozen=True)
class Function:
    """One Lambda function; `timeout` in seconds."""

    name: str
    code: Path
    handler: str
    environment: Mapping[str, str]
    timeout: float


@dataclass(frozen=True)
class Route:
    """Where the edge sends a request; no path means every path that no other route takes."""

    method: str
    path: str | None
    function: str


@dataclass(frozen=True)
class Queue:
    """An SQS queue; `attributes` as its API takes them."""

    logical_id: str
    name: str
    attributes: Mapping[str, str]
    dead_letters: str | None


@dataclass(frozen=True)
class Consumer:
    """A function fed from a queue (`queue` is the logical id)."""

    function: str
    queue: str
    batch_size: int


@dataclass(frozen=True)
class Schedule:
    """What fires a function by the clock; named after the function's folder."""

    name: str
    function: str
    expression: str
    timezone: str


@dataclass(frozen=True)
class Subscription:
    """A function that gets the log's lines for which `pattern` holds."""

    function: str
    pattern: str


@dataclass(frozen=True)
class Machine:
    """A state machine with its definition in the language of the API (JSON)."""

    name: str
    definition: str


class Template:
    """The parsed template; queue addresses lead to `aws_endpoint`."""

    def __init__(self, aws_endpoint: str, parameters: Mapping[str, str], path: Path = ROOT / "template.yaml") -> None:
        self.root = path.parent
        self._endpoint = aws_endpoint
        self._source = load(path)
        defaults = {name: str(given.get("Default", "")) for name, given in self._source["Parameters"].items()}
        self._resolve = Resolver(self._source.get("Conditions", {}), defaults | dict(parameters), self._attribute)
        self._defaults = self._source.get("Globals", {}).get("Function", {})
        self.functions = {name: self._function(name, given) for name, given in self._of("Serverless::Function")}
        self.routes = list(self._routes())
        self.queues = [self._queue(name, given) for name, given in self._of("SQS::Queue")]
        self.consumers = list(self._consumers())
        self.schedules = list(self._schedules())
        self.subscriptions = [Subscription(f, given["FilterPattern"]) for f, given in self._events("CloudWatchLogs")]
        self.buckets = [self._attribute(name, "Ref") for name, _ in self._of("S3::Bucket")]
        self.buses = [str(self._resolve(given["Name"])) for _, given in self._of("Events::EventBus")]
        self.cors: dict[str, Any] = next(
            (self._resolve(given["CorsConfiguration"]) for _, given in self._of("Serverless::HttpApi")), {}
        )

    @property
    def machines(self) -> list[Machine]:
        """The state machines, read anew: their files may change while the stage runs."""
        return [self._machine(given) for _, given in self._of("Serverless::StateMachine")]

    @property
    def layers(self) -> list[Path]:
        """Directories of importable sources; third-party layers are the virtual environment's."""
        found = [self.root / given["ContentUri"] for _, given in self._of("Serverless::LayerVersion")]
        return [path for path in found if not (path / "requirements.txt").exists()]

    def _of(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, resource in self._source["Resources"].items():
            if resource["Type"] == f"AWS::{kind}":
                yield name, resource.get("Properties", {})

    def _events(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, given in self._of("Serverless::Function"):
            for event in given.get("Events", {}).values():
                if event["Type"] == kind:
                    yield name, event.get("Properties", {})

    def _attribute(self, name: str, attribute: str) -> str:
        """What CloudFormation would answer for `Ref` or `GetAtt` once the resource is there."""
        resource = self._source["Resources"][name]
        kind = resource["Type"].removeprefix("AWS::")
        if kind == "SQS::Queue":
            queue_name = str(self._resolve(resource["Properties"]["QueueName"]))
            return {
                "Ref": f"{self._endpoint}/{ACCOUNT}/{queue_name}",
                "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue_name}",
                "QueueName": queue_name,
            }[attribute]
        if kind == "S3::Bucket":
            return str(self._resolve(resource["Properties"]["BucketName"]))
        if kind == "Serverless::Function":
            return LAMBDA_ARN + name if attribute == "Arn" else name
        return str(self._resolve(resource["Properties"].get("Name", name)))

    def _function(self, name: str, given: Mapping[str, Any]) -> Function:
        variables = self._defaults.get("Environment", {}).get("Variables", {})
        variables = variables | given.get("Environment", {}).get("Variables", {})
        return Function(
            name=name,
            code=self.root / given["CodeUri"],
            handler=given.get("Handler", self._defaults.get("Handler")),
            environment={key: str(value) for key, value in self._resolve(variables).items()},
            timeout=given.get("Timeout", self._defaults.get("Timeout", 3)),
        )

    def _routes(self) -> Iterator[Route]:
        for function, event in self._events("HttpApi"):
            yield Route(event.get("Method", "ANY").upper(), event.get("Path"), function)

    def _queue(self, name: str, given: Mapping[str, Any]) -> Queue:
        redrive = given.get("RedrivePolicy")
        attributes = {
            key: str(given[key])
            for key in ("VisibilityTimeout", "MessageRetentionPeriod", "DelaySeconds")
            if key in given
        }
        if redrive:
            attributes["RedrivePolicy"] = json.dumps(self._resolve(redrive))
        dead_letters = redrive["deadLetterTargetArn"]["Fn::GetAtt"][0] if redrive else None
        return Queue(name, str(self._resolve(given["QueueName"])), attributes, dead_letters)

    def _consumers(self) -> Iterator[Consumer]:
        for function, event in self._events("SQS"):
            yield Consumer(function, event["Queue"]["Fn::GetAtt"][0], event.get("BatchSize", 10))

    def _schedules(self) -> Iterator[Schedule]:
        for function, event in self._events("ScheduleV2"):
            yield Schedule(
                name=self.functions[function].code.name,
                function=function,
                expression=event["ScheduleExpression"],
                timezone=event.get("ScheduleExpressionTimezone", "UTC"),
            )

    def _machine(self, given: Mapping[str, Any]) -> Machine:
        substitutions = self._resolve(given.get("DefinitionSubstitutions", {}))
        text = (self.root / given["DefinitionUri"]).read_text()
        text = re.sub(r"\$\{(\w+)\}", lambda found: str(substitutions[found[1]]), text)
        return Machine(str(self._resolve(given["Name"])), json.dumps(yaml.safe_load(text)))
