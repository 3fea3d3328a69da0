"""The moving parts of a stage: the front's listener, the functions' processes, the AWS stand-in."""

import asyncio
import contextlib
import secrets
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import uvicorn

from local.front import Front
from local.gateway import Cors, Routes
from local.pool import Answer, FunctionPool, environment_of
from local.stand_in import StandIn
from local.template import Template

T = TypeVar("T")

BUSY_WIDTH = 2
"""Processes a function may have unless `widths` says otherwise."""


class Engine:
    """Runs a template's functions. The listener lives in a thread of its own, so that tests may call it from theirs."""

    def __init__(
        self,
        template: Template,
        stand_in: StandIn,
        port: int,
        passwords: Mapping[str, str],
        log: Callable[[bytes], None],
        widths: Mapping[str, int] | None = None,
    ) -> None:
        self.template = template
        self.stand_in = stand_in
        self._socket = socket.create_server(("127.0.0.1", port), backlog=512)
        # asyncio does this only for sockets it made itself; without it each answer waits 40 ms for an acknowledgement.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._secret = secrets.token_urlsafe(24)
        self.invoke_address = f"{self.url}/{self._secret}"
        self._passwords = passwords
        self._log = log
        self._widths = widths or {}
        self.pools: dict[str, FunctionPool] = {}
        self.front = Front(Routes(template.routes), Cors(template.cors), self.pools, self._secret)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self.front,
                log_level="warning",
                access_log=False,
                server_header=False,
                date_header=False,
                lifespan="off",
                timeout_keep_alive=120,
                timeout_graceful_shutdown=1,
            )
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="listener", daemon=True)

    def prepare(self, environment: Mapping[str, str]) -> None:
        """Give the functions their environment, which may name this engine's own address."""
        for name, function in self.template.functions.items():
            self.pools[name] = FunctionPool(
                function,
                environment_of(function, self.template.layers, environment, self._passwords),
                self.invoke_address.removeprefix("http://"),
                self._widths.get(name, BUSY_WIDTH),
                self._log,
            )

    def start(self) -> None:
        """Listen, and lay out the stand-in (which must be running)."""
        self._thread.start()
        self._listening.wait()
        self.stand_in.deploy(self.template, self.invoke_address)

    def stop(self) -> None:
        """End the functions first: their long polls would hold the listener open."""
        if self._loop and self._loop.is_running():
            with contextlib.suppress(TimeoutError):
                self.run(self._close_pools(), timeout=10)
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(10)
        self._socket.close()

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Do something in the listener's loop, from another thread."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Start something in the listener's loop that runs until the stage stops."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def invoke(self, function: str, payload: bytes) -> Answer:
        """Run one event through a function, from another thread."""
        return self.run(self.pools[function].invoke(payload))

    def _listen(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.call_soon(self._listening.set)
        await self._server.serve(sockets=[self._socket])
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _close_pools(self) -> None:
        await asyncio.gather(*(pool.close() for pool in self.pools.values()))


def port_of(directory: Path, name: str, find: Callable[[], int]) -> int:
    """A port chosen once and kept with the state that names it; another one only if somebody took it."""
    file = directory / f"{name}.port"
    if not file.exists() or _taken(int(file.read_text())):
        directory.mkdir(parents=True, exist_ok=True)
        file.write_text(str(find()))
    return int(file.read_text())


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
