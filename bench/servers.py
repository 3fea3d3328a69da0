"""Row 3: processor time a request, the product's handlers against FastAPI doing the same without logging."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jwt

from bench.measure import Finding, Missing, Result
from bench.place import Site
from bench.warm import Requests
from local.postgres import free_port

ROUNDS, CALLS = 6, 150
SECRET = "a-secret-of-thirty-two-bytes-at-least"


class Client:
    """One kept-alive connection to one server."""

    def __init__(self, port: int, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON; a refusal ends the benchmark."""
        text = None if body is None else json.dumps(body, default=str)
        self.connection.request(method, path, text, self.headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return json.loads(content)

    def cpu(self) -> float:
        seconds: float = self.ask("GET", "/cpu")
        return seconds


@contextmanager
def serving(command: list[str], environment: dict[str, str], port: int) -> Iterator[None]:
    """A server in a process of its own, until the end of the block."""
    with subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL) as process:
        try:
            _wait(port, process)
            yield
        finally:
            process.terminate()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the server did not start within 30 s")


def rows(site: Site) -> Iterator[Result]:
    what = f"{site.isolation}: CPU a request over FastAPI's"
    if not importlib.util.find_spec("fastapi") or not importlib.util.find_spec("psycopg_pool"):
        yield Missing("3", what, "pip install -r bench/requirements.txt")
        return
    asked = Requests(site)
    asked.bare.close()
    ours, theirs = free_port(), free_port()
    uvicorn = [
        "-m",
        "uvicorn",
        "bench.baseline:app",
        "--port",
        str(theirs),
        "--log-level",
        "critical",
        "--no-access-log",
    ]
    with (
        serving([sys.executable, "-m", "bench.served", str(ours)], {}, ours),
        serving([sys.executable, *uvicorn], {"BASELINE": json.dumps(_given(asked), default=str)}, theirs),
    ):
        clients = {"product": Client(ours, site.tenant.owner), "fastapi": Client(theirs, _token(site))}
        for name, send in (("GET", _read), ("POST", _book)):
            cost = _measured(clients, lambda client, send=send: send(client, site))  # type: ignore[misc]
            told = f"{cost['product']:.0f} us over {cost['fastapi']:.0f} us"
            yield Finding("3", f"{what} ({name})", cost["product"] / cost["fastapi"], 0.8, told=told)


def _measured(clients: dict[str, Client], send: Callable[[Client], None]) -> dict[str, float]:
    """Microseconds of processor time a request, in alternating blocks."""
    spent = dict.fromkeys(clients, 0.0)
    for turn in range(ROUNDS + 1):
        for name, client in clients.items():
            before = client.cpu()
            for _ in range(CALLS):
                send(client)
            spent[name] += (client.cpu() - before) if turn else 0  # the first block warms up
    return {name: seconds / (ROUNDS * CALLS) * 1e6 for name, seconds in spent.items()}


def _read(client: Client, site: Site) -> None:
    client.ask("GET", f"/api/v1/students/{site.student()}")


def _book(client: Client, site: Site) -> None:
    client.ask("POST", "/api/v1/bookings", site.booking())


def _given(asked: Requests) -> dict[str, Any]:
    """The product's own statements, for the baseline to send."""
    (name,) = [name for name, value in asked.read_params.items() if value in asked.site.students]
    return {
        "dsn": asked.site.dsn(),
        "secret": SECRET,
        "read": {"sql": asked.read_sql, "params": asked.read_params, "id": name},
        "write": [{"sql": text, "params": params} for text, params in asked.write],
    }


def _token(site: Site) -> str:
    claims = {"sub": str(site.tenant.owner_id), "tenantId": str(site.tenant.id), "permissions": ["bookings:create"]}
    return jwt.encode(claims | {"iat": int(time.time()), "exp": int(time.time()) + 3600}, SECRET, algorithm="HS256")
