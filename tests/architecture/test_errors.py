"""Every failure is documented: a stable code, one status a code, a message and what to do about it."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections import defaultdict

import pytest
from studyspot.kit import openapi
from studyspot.kit.errors import Problem, catalogue

from tests.architecture.sources import PRODUCT, none_of, product
from tests.world import World, function

CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@pytest.fixture
def problems(world: World) -> list[type[Problem]]:
    """Every problem class of the product, loaded."""
    for source in product():
        if source.path.is_relative_to(PRODUCT):
            parts = source.path.relative_to(PRODUCT.parent).with_suffix("").parts
            importlib.import_module(".".join(parts).removesuffix(".__init__"))
    return [kind for kind in dict.fromkeys(catalogue()) if kind.__module__.startswith("studyspot.")]


def test_every_code_is_a_stable_word(problems: list[type[Problem]]) -> None:
    none_of(f"{kind.__qualname__}: {kind.code}" for kind in problems if not CODE.fullmatch(kind.code))


def test_a_code_has_one_status(problems: list[type[Problem]]) -> None:
    statuses = defaultdict(set)
    for kind in problems:
        statuses[kind.code].add(kind.status)
    none_of(f"{code}: {sorted(found)}" for code, found in statuses.items() if len(found) > 1)


def test_every_failure_says_what_happened(problems: list[type[Problem]]) -> None:
    none_of(kind.__qualname__ for kind in problems if not (kind.__doc__ or "").strip().split("\n")[0].endswith("."))


def test_every_code_stands_in_the_catalogue_with_cause_and_fix(problems: list[type[Problem]]) -> None:
    listed = {entry["code"]: entry for entry in openapi.catalogue(problems)}
    none_of(kind.code for kind in problems if kind.code not in listed)
    none_of(code for code, entry in listed.items() if not (entry["title"] and entry["cause"] and entry["fix"]))


def test_the_product_lists_every_code_of_its_domains(world: World, problems: list[type[Problem]]) -> None:
    """Although the function that answers runs apart from the domains."""
    function("api", "health")
    answer = world.call("health", "GET", "/api/v1/meta/errors")
    assert answer.status == 200
    listed = {entry["code"] for entry in answer.data}
    none_of(sorted({kind.code for kind in problems} - listed))


def test_failures_are_raised_as_classes_never_as_bare_statuses() -> None:
    none_of(
        f"{source.name}:{node.lineno}"
        for source in product()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Raise) and node.exc is not None and ast.unparse(node.exc).startswith("Problem(")
    )


def test_the_message_is_the_docstring() -> None:
    assert inspect.getdoc(Problem) == Problem.title()
