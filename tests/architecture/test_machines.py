"""State machines as drawn: every step is there in code, every state can be reached and can end."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.intrinsics import load
from tests.architecture.sources import ROOT, none_of
from tests.world import World, function

MACHINES = sorted((ROOT / "statemachines").glob("*.asl.yaml"))
LONGEST_WAIT_SECONDS = 30
"""A machine never waits longer than a request: it ends and leaves a timer."""


@cache
def machine(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def named(path: Path) -> str:
    return path.name.removesuffix(".asl.yaml")


def every(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from machine(path)["States"].items()


def targets(state: dict[str, Any]) -> Iterator[str]:
    """Every state this one may go on to."""
    for name in ("Next", "Default"):
        if name in state:
            yield state[name]
    for branch in (*state.get("Choices", ()), *state.get("Catch", ())):
        yield branch["Next"]


def ends(state: dict[str, Any]) -> bool:
    return state["Type"] in ("Succeed", "Fail") or bool(state.get("End"))


def steps_function(path: Path) -> str:
    """The folder under functions/steps that the template wires this machine to."""
    resources = load(ROOT / "template.yaml")["Resources"]
    for resource in resources.values():
        properties = resource.get("Properties", {})
        if str(properties.get("DefinitionUri", "")).endswith(path.name):
            (target,) = properties["DefinitionSubstitutions"].values()
            return Path(resources[target["Fn::GetAtt"][0]]["Properties"]["CodeUri"]).name
    raise AssertionError(f"{path.name} is in no resource of the template")


@pytest.mark.parametrize("path", MACHINES, ids=named)
def test_every_target_exists(path: Path) -> None:
    known = machine(path)["States"]
    assert machine(path)["StartAt"] in known
    none_of(f"{name} -> {target}" for name, state in every(path) for target in targets(state) if target not in known)


@pytest.mark.parametrize("path", MACHINES, ids=named)
def test_every_state_is_reached(path: Path) -> None:
    reached, ahead = set[str](), [machine(path)["StartAt"]]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead.extend(targets(machine(path)["States"][name]))
    none_of(f"{name} is never reached" for name, _ in every(path) if name not in reached)


@pytest.mark.parametrize("path", MACHINES, ids=named)
def test_every_state_can_come_to_an_end(path: Path) -> None:
    ending = {name for name, state in every(path) if ends(state)}
    assert ending
    grown = True
    while grown:
        more = {name for name, state in every(path) if ending.intersection(targets(state))} - ending
        ending |= more
        grown = bool(more)
    none_of(f"{name} never ends" for name, _ in every(path) if name not in ending)


@pytest.mark.parametrize("path", MACHINES, ids=named)
def test_the_first_state_jumps_to_where_the_work_goes_on(path: Path) -> None:
    first = machine(path)["States"][machine(path)["StartAt"]]
    assert first["Type"] == "Choice"
    assert {choice["Variable"] for choice in first["Choices"]} == {"$.resume"}


@pytest.mark.parametrize("path", MACHINES, ids=named)
def test_no_machine_waits_longer_than_a_request(path: Path) -> None:
    for name, state in every(path):
        if state["Type"] == "Wait":
            assert state.get("Seconds", LONGEST_WAIT_SECONDS + 1) <= LONGEST_WAIT_SECONDS, name


@pytest.mark.parametrize("path", MACHINES, ids=named)
def test_every_task_is_retried_and_its_failure_is_caught_or_ends_the_machine(path: Path) -> None:
    for name, state in every(path):
        if state["Type"] == "Task":
            assert state.get("Retry"), f"{name} gives up at once"


@pytest.mark.parametrize("path", MACHINES, ids=named)
def test_every_step_of_a_machine_exists_and_every_step_is_used(path: Path, world: World) -> None:
    known = set(function("steps", steps_function(path)).steps.known)
    asked = {state["Parameters"]["Payload"]["step"] for _, state in every(path) if state["Type"] == "Task"}
    assert asked == known
