"""Many tenants are set up side by side while executions die at every step: each works in the end, none leaves a trace
too many. The short form is in the suite; `make provisioning` runs the long one and prints its figures."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from studyspot.credits import service as wallets
from studyspot.kit import cells, connections
from studyspot.tenants import provisioning

from tests.tenants.machine import Killed
from tests.tenants.test_provisioning import PLACED, STATES, asked, exactly_once, saga
from tests.world import World

__all__ = ["asked"]

SIDE_BY_SIDE = 4
PROCESSES = multiprocessing.get_context("fork")
Wanted = tuple[UUID, dict[str, Any], dict[str, str]]
"""A tenant, the command that sets it up, and where its first execution dies, if it does."""


@dataclass
class Told:
    """How long each tenant took, and how much memory the process had at most."""

    seconds: list[float]
    megabytes: float


def set_up(world: World, wanted: list[Wanted], answers: Any) -> None:
    """One process: an execution after the other; a killed one is started again, as the outbox does."""
    connections._open.clear()  # the parent's connections are the parent's
    told = Told([], 0.0)
    for _, given, strikes in wanted:
        began = time.monotonic()
        with saga(world, **strikes) as machine:
            try:
                ended = machine.run(given)
            except Killed:
                connections.settle()
                ended = machine.run(given)
        assert ended == "Succeed", given
        told.seconds.append(time.monotonic() - began)
    told.megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answers.put(told)


def crowd(world: World, ask: Callable[[str], tuple[UUID, dict[str, Any]]], number: int) -> str:
    """Every state is where somebody's execution dies; answers what to print."""
    deaths = [(when, state) for when in ("kill_before", "kill_after") for state in STATES]
    wanted: list[Wanted] = []
    for n in range(number):
        isolation = "pool" if n % 2 else "silo"
        when, state = deaths[n % len(deaths)]
        struck = {when: PLACED[isolation] if state == "Migrate" and n % 4 < 2 else state}
        wanted.append((*ask(isolation), struck))
    connections.close_all()
    began = time.monotonic()
    answers = PROCESSES.Queue()
    parts = [wanted[n::SIDE_BY_SIDE] for n in range(SIDE_BY_SIDE)]
    running = [PROCESSES.Process(target=set_up, args=(world, part, answers)) for part in parts]
    for one in running:
        one.start()
    told = [answers.get(timeout=600) for _ in running]
    for one in running:
        one.join()
    took = time.monotonic() - began
    with world.worker():
        assert provisioning.sweep().none
    for tenant, _, _ in wanted:
        cells.forget(tenant)
        exactly_once(world, tenant)
    assert wallets.conservation("sms").holds
    seconds = sorted(s for one in told for s in one.seconds)
    return (
        f"{number} tenants, {SIDE_BY_SIDE} at a time, each killed once, all active, the sweep finds nothing:"
        f" {took:.1f} s; a tenant p50 {statistics.median(seconds):.2f} s,"
        f" p95 {seconds[int(len(seconds) * 0.95)]:.2f} s;"
        f" a process of the steps has {max(one.megabytes for one in told):.0f} MB at most"
    )


def test_a_few_side_by_side(world: World, asked: Any) -> None:
    assert crowd(world, asked, 4)


@pytest.mark.slow
def test_a_hundred_side_by_side(world: World, asked: Any, capsys: pytest.CaptureFixture[str]) -> None:
    line = crowd(world, asked, 100)
    with capsys.disabled():
        print("", line, sep="\n")
