"""The functions' processes: each takes one event at a time, started when needed, ended with the stage."""

import asyncio
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from local.template import Function

RUNTIME = Path(__file__).with_name("runtime.py")
LONGEST_LOG_LINE = 1 << 20


@dataclass
class Invocation:
    """An event on its way through a function."""

    payload: bytes
    answer: "asyncio.Future[Answer]"
    request_id: str = field(default_factory=lambda: str(uuid4()))
    deadline_ms: int = 0


@dataclass(frozen=True)
class Answer:
    """What came back; `failed` when the handler raised, ran out of time or could not start."""

    body: bytes
    failed: bool = False


def _failure(kind: str, message: str) -> Answer:
    return Answer(json.dumps({"errorType": kind, "errorMessage": message}).encode(), failed=True)


@dataclass(eq=False)
class Slot:
    """Room for one process of a function."""

    id: str
    process: asyncio.subprocess.Process | None = None
    waiting: "asyncio.Future[Invocation | None] | None" = None
    current: Invocation | None = None
    started: bool = False


class FunctionPool:
    """One function: events wait here for up to `width` processes."""

    def __init__(
        self,
        function: Function,
        environment: Mapping[str, str],
        runtime_api: str,
        width: int,
        log: Callable[[bytes], None],
    ) -> None:
        self.function = function
        self.width = width
        self.environment = environment
        self._runtime_api = runtime_api
        self._log = log
        self._slots: dict[str, Slot] = {}
        self._idle: list[Slot] = []
        self._backlog: deque[Invocation] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    async def invoke(self, payload: bytes) -> Answer:
        """Run one event to its end, within the function's own time limit."""
        work = Invocation(payload, asyncio.get_running_loop().create_future())
        self._submit(work)
        try:
            async with asyncio.timeout(self.function.timeout):
                return await work.answer
        except TimeoutError:
            self._abandon(work)
            return _failure("Sandbox.Timedout", f"Task timed out after {self.function.timeout:.2f} seconds")

    async def next(self, slot_id: str) -> Invocation | None:
        """The next event for this process; nothing once it is to end."""
        slot = self._slots.get(slot_id)
        if slot is None or self._closing:
            return None
        slot.current, slot.started = None, True
        work = self._from_backlog()
        if work is None:
            slot.waiting = asyncio.get_running_loop().create_future()
            self._idle.append(slot)
            work = await slot.waiting
        slot.current = work
        return work

    def answered(self, slot_id: str, answer: Answer) -> None:
        """The process has finished the event it holds."""
        slot = self._slots.get(slot_id)
        if slot and slot.current and not slot.current.answer.done():
            slot.current.answer.set_result(answer)

    def could_not_start(self, reason: bytes) -> None:
        """The handler's module failed to import: everyone who waits is told."""
        while work := self._from_backlog():
            work.answer.set_result(Answer(reason, failed=True))

    def warm(self) -> None:
        """Start one process ahead of the first event."""
        if not self._slots:
            self._start_one()

    @property
    def busy(self) -> bool:
        return bool(self._backlog) or any(slot.current for slot in self._slots.values())

    @property
    def pids(self) -> list[int]:
        """Its processes that live now, for those who test what happens when they die."""
        found = [slot.process for slot in list(self._slots.values())]
        return [process.pid for process in found if process and process.returncode is None]

    async def close(self) -> None:
        """End every process and wait until it is gone."""
        self._closing = True
        for slot in list(self._slots.values()):
            self._kill(slot)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _submit(self, work: Invocation) -> None:
        work.deadline_ms = int((time.time() + self.function.timeout) * 1000)
        if self._idle:
            # The warmest first, as Lambda does.
            waiting = self._idle.pop().waiting
            assert waiting is not None
            waiting.set_result(work)
            return
        self._backlog.append(work)
        if len(self._slots) < self.width:
            self._start_one()

    def _from_backlog(self) -> Invocation | None:
        while self._backlog:
            work = self._backlog.popleft()
            if not work.answer.done():
                return work
        return None

    def _start_one(self) -> None:
        slot = Slot(uuid4().hex)
        self._slots[slot.id] = slot
        task = asyncio.create_task(self._live(slot))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self, slot: Slot) -> None:
        """One process from start to end."""
        try:
            slot.process = await self._spawn(slot)
            if self._closing:
                self._kill(slot)
            assert slot.process.stdout is not None
            while line := await slot.process.stdout.readline():
                self._log(line)
            await slot.process.wait()
        finally:
            self._forget(slot)

    async def _spawn(self, slot: Slot) -> asyncio.subprocess.Process:
        own = {
            "AWS_LAMBDA_RUNTIME_API": f"{self._runtime_api}/{self.function.name}/{slot.id}",
            "AWS_LAMBDA_FUNCTION_NAME": self.function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "LAMBDA_TASK_ROOT": str(self.function.code),
            "_HANDLER": self.function.handler,
            "PYTHONUNBUFFERED": "1",
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            str(RUNTIME),
            cwd=self.function.code,
            env={"PATH": os.defpath} | dict(self.environment) | own,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LONGEST_LOG_LINE,
        )

    def _forget(self, slot: Slot) -> None:
        del self._slots[slot.id]
        if slot in self._idle:
            self._idle.remove(slot)
        if slot.waiting and not slot.waiting.done():
            slot.waiting.set_result(None)
        if slot.current and not slot.current.answer.done():
            slot.current.answer.set_result(_failure("Runtime.ExitError", "the process ended before it answered"))
        if not slot.started:
            self.could_not_start(_failure("Runtime.ExitError", "the process ended before it was ready").body)
        if self._backlog and not self._closing and len(self._slots) < self.width:
            self._start_one()

    def _abandon(self, work: Invocation) -> None:
        for slot in self._slots.values():
            if slot.current is work:
                self._kill(slot)

    @staticmethod
    def _kill(slot: Slot) -> None:
        if slot.process and slot.process.returncode is None:
            slot.process.kill()


def environment_of(
    function: Function, layers: list[Path], stage: Mapping[str, str], passwords: Mapping[str, str]
) -> dict[str, str]:
    """The template's variables, then the stage's; the function's database secret names its role in `passwords`."""
    role = function.environment["DB_SECRET_ARN"]
    migrator = function.environment.get("MIGRATOR_SECRET_ARN")
    extra = {"MIGRATOR_DB_USER": migrator, "MIGRATOR_DB_PASSWORD": passwords[migrator]} if migrator else {}
    mine = {key: value for key, value in function.environment.items() if not key.endswith("_SECRET_ARN")}
    path = os.pathsep.join([str(function.code), *map(str, layers)])
    return mine | dict(stage) | extra | {"CORE_DB_USER": role, "CORE_DB_PASSWORD": passwords[role], "PYTHONPATH": path}
