"""AWS on this machine: queues, machines, bus and bucket as template.yaml lays them out, started again if they die."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config

from local import children
from local.intrinsics import REGION
from local.template import LAMBDA_ARN, Function, Template

FORWARD = Path(__file__).with_name("forward.py")
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
}
ROLE = "arn:aws:iam::000000000000:role/local"


class StandInFailed(RuntimeError):
    """The stand-in did not start, or refused what the template asks for."""


class StandIn:
    """One ministack process with its state in `home`.

    What its queues and executions hold may be lost with it at any time. Nothing of the product may depend on them:
    outbox rows and timers are the truth, and the minute schedule sends again.
    """

    def __init__(self, home: Path, port: int, report: Callable[[str], None] = print) -> None:
        self.home = home
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"
        self._report = report
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = threading.Event()
        self._laid_out = threading.Event()
        self._layout: tuple[Template, str] | None = None
        self._watcher = threading.Thread(target=self._keep_alive, name="stand-in watcher", daemon=True)

    def client(self, service: str) -> Any:
        """A boto3 client of this stand-in; failures show at once instead of being retried for seconds."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(
                retries={"total_max_attempts": 2}, connect_timeout=2, read_timeout=20, s3={"addressing_style": "path"}
            ),
        )

    def start(self) -> None:
        """Start and wait for the first answer."""
        self.launch()
        self.wait_until_healthy()

    def deploy(self, template: Template, stage_address: str) -> None:
        """Lay out what the template says (safe to run again), and from now on do so after every restart."""
        self._layout = (template, stage_address)
        self._lay_out()
        if not self._watcher.is_alive():
            self._watcher.start()

    def wait_until_laid_out(self, seconds: float = 30) -> None:
        """After a kill: what is asked of it before its machines are there again would only be refused."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._closing.is_set():
            alive = self._process is not None and self._process.poll() is None
            if alive and self._laid_out.wait(0.05):
                return
        if not self._closing.is_set():
            raise StandInFailed(f"the stand-in was not there again within {seconds:.0f} s")

    def stop(self) -> None:
        """Stop, keeping what is queued for the next start."""
        self._closing.set()
        if self._process:
            children.end(self._process, signal.SIGTERM, grace=5)
        shutil.rmtree(self.home / "tmp", ignore_errors=True)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def launch(self) -> None:
        """Start without waiting, so that other things can start meanwhile."""
        scratch = self.home / "tmp"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "BIND_HOST": "127.0.0.1",  # its default is every interface, and an upload there is code execution
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.home / "state"),
            "TMPDIR": str(scratch),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.home / "files"),
            "SERVICES": "s3,sqs,lambda,stepfunctions,events,iam,logs,sts",
            "LAMBDA_ACCOUNT_CONCURRENCY": "16",
            "LOG_LEVEL": "WARNING",
        } | CREDENTIALS
        with (self.home / "stand-in.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                cwd=self.home,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=children.dies_with_parent(signal.SIGTERM),  # noqa: PLW1509 - does nothing but one system call
            )

    def wait_until_healthy(self) -> None:
        """Return when it answers."""
        process = self._process
        assert process is not None
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise StandInFailed(f"the stand-in ended at once; see {self.home / 'stand-in.log'}")
            try:
                if requests.get(f"{self.endpoint}/_ministack/health", timeout=2).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.02)
        raise StandInFailed("the stand-in does not answer")

    def _keep_alive(self) -> None:
        """Start again what was killed. The thread lives as long as the stage: children are tied to their thread."""
        while not self._closing.wait(0.5):
            assert self._process is not None
            if self._process.poll() is None:
                continue
            self._laid_out.clear()
            self._report("the AWS stand-in was killed; starting it again")
            try:
                self.start()
                self._lay_out()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next round tries again
                self._report(f"the AWS stand-in did not come back: {error}")

    def _lay_out(self) -> None:
        assert self._layout is not None
        template, stage_address = self._layout
        machines = template.machines
        needed = {consumer.function for consumer in template.consumers}
        needed |= {schedule.function for schedule in template.schedules}
        needed |= {
            name for name in template.functions if any(f'"{LAMBDA_ARN}{name}"' in m.definition for m in machines)
        }
        self._lay_out_queues(template)
        self._lay_out_functions([template.functions[name] for name in sorted(needed)], stage_address)
        self._connect_consumers(template)
        for machine in machines:
            self._lay_out_machine(machine.name, machine.definition)
        events = self.client("events")
        known = {bus["Name"] for bus in events.list_event_buses()["EventBuses"]}
        for bus in set(template.buses) - known:
            events.create_event_bus(Name=bus)
        buckets = self.client("s3")
        there = {bucket["Name"] for bucket in buckets.list_buckets()["Buckets"]}
        for bucket in set(template.buckets) - there:
            buckets.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self._laid_out.set()

    def _lay_out_queues(self, template: Template) -> None:
        sqs = self.client("sqs")
        known = {url.rpartition("/")[2] for url in sqs.list_queues().get("QueueUrls", [])}
        for queue in sorted(template.queues, key=lambda queue: queue.dead_letters is not None):
            if queue.name not in known:
                sqs.create_queue(QueueName=queue.name)
            url = sqs.get_queue_url(QueueName=queue.name)["QueueUrl"]
            sqs.set_queue_attributes(QueueUrl=url, Attributes=dict(queue.attributes))

    def _lay_out_functions(self, functions: list[Function], stage_address: str) -> None:
        client = self.client("lambda")
        known = {given["FunctionName"] for given in client.list_functions()["Functions"]}
        for function in functions:
            environment = {"Variables": {"STUDYSPOT_STAGE_ADDRESS": stage_address}}
            if function.name in known:
                client.update_function_code(FunctionName=function.name, ZipFile=_bootstrap())
                client.update_function_configuration(
                    FunctionName=function.name, Environment=environment, Timeout=int(function.timeout)
                )
                continue
            client.create_function(
                FunctionName=function.name,
                Runtime="provided.al2023",
                Handler=function.handler,
                Role=ROLE,
                Timeout=int(function.timeout),
                Environment=environment,
                Code={"ZipFile": _bootstrap()},
            )

    def _connect_consumers(self, template: Template) -> None:
        client = self.client("lambda")
        known = {
            given["FunctionArn"].rpartition(":")[2]
            for given in client.list_event_source_mappings()["EventSourceMappings"]
        }
        names = {queue.logical_id: queue.name for queue in template.queues}
        for consumer in template.consumers:
            if consumer.function not in known:
                client.create_event_source_mapping(
                    EventSourceArn=f"arn:aws:sqs:{REGION}:000000000000:{names[consumer.queue]}",
                    FunctionName=consumer.function,
                    BatchSize=consumer.batch_size,
                    FunctionResponseTypes=["ReportBatchItemFailures"],
                )

    def _lay_out_machine(self, name: str, definition: str) -> None:
        states = self.client("stepfunctions")
        arn = f"arn:aws:states:{REGION}:000000000000:stateMachine:{name}"
        known: Mapping[str, Any] = {m["stateMachineArn"]: m for m in states.list_state_machines()["stateMachines"]}
        if arn in known:
            states.update_state_machine(stateMachineArn=arn, definition=definition)
        else:
            states.create_state_machine(name=name, definition=definition, roleArn=ROLE)


def _bootstrap() -> bytes:
    """A function's whole code in the stand-in: the forwarder, run from where it lies."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, f"#!/bin/sh\nexec {json.dumps(sys.executable)} -I -S {json.dumps(str(FORWARD))}\n")
    return file.getvalue()
