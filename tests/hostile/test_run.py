"""`make run` as a process of its own: Ctrl-C leaves nothing behind, and a second start knows what the first one did."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.postgres import free_port
from local.proofs.library import Library
from local.proofs.people import Person, eventually
from local.template import ROOT

START_SECONDS = 60


def family(pid: int) -> set[int]:
    """The process and all that descend from it."""
    children: dict[int, set[int]] = {}
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, set()).add(int(each.name))
    found, new = {pid}, {pid}
    while new := {child for one in new for child in children.get(one, ())} - found:
        found |= new
    return found


def born(pid: int) -> str:
    """When it was started: a number alone may be somebody else's by now."""
    with contextlib.suppress(OSError):
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
    return ""


def alive(processes: dict[int, str]) -> list[str]:
    return [_named(pid) for pid, since in processes.items() if since and born(pid) == since]


def _named(pid: int) -> str:
    with contextlib.suppress(OSError):
        return f"{pid} {(Path('/proc') / str(pid) / 'cmdline').read_bytes().replace(bytes(1), b' ').decode()}"
    return str(pid)


@contextlib.contextmanager
def foreground(home: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """`python -m local.run`, ready; killed only if a test left it running."""
    environment = dict(os.environ) | {"PORT": str(port), "PYTHONPATH": f"{ROOT / 'layers/studyspot'}:{ROOT}"}
    before = _starts(home.parent / "run.txt")
    with (home.parent / "run.txt").open("ab") as out:
        command = [sys.executable, "-m", "local.run", "--home", str(home)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        told = home.parent / "run.txt"
        eventually(lambda: _starts(told) > before or process.poll() is not None, "a ready stage", START_SECONDS)
        assert process.poll() is None, (home.parent / "run.txt").read_text()
        yield process, json.loads((home / "demo.json").read_text())
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _starts(told: Path) -> int:
    """How often it said that it is ready."""
    return told.read_text().count("StudySpot is ready") if told.exists() else 0


def interrupted(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C, and nothing of it is left."""
    processes = {pid: born(pid) for pid in family(process.pid)}
    assert len(processes) > 6
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    eventually(lambda: not alive(processes), f"an end of {alive(processes)}", 10)


@pytest.mark.slow
def test_a_second_start_knows_what_the_first_one_did(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    url = f"http://127.0.0.1:{port}"
    with foreground(home, port) as (process, world):
        library = Library(url, Person(url, world["owner"]), apart=world["student"]["id"])
        paid, payment = library.opened()
        library.verify(payment["id"], library.sandbox.pay(payment["gatewayOrderId"])).must(200)
        waiting, unpaid = library.opened()
        library.sandbox.fault("queue", "down", "SendMessage", times=50)
        library.sandbox.pay(unpaid["gatewayOrderId"])
        before = library.now()
        interrupted(process)
    with foreground(home, port) as (process, again):
        assert (again["tenantId"], again["secrets"]) == (world["tenantId"], world["secrets"])
        library.owner.sign_in()
        assert library.now() >= before
        assert library.booking(paid)["status"] == "confirmed"
        library.sandbox.ask("DELETE", "/faults")
        library.sandbox.advance("PT6M")
        eventually(lambda: library.payment(unpaid["id"])["status"] == "captured", "what waited goes on")
        assert library.booking(waiting)["status"] == "confirmed"
        interrupted(process)
