"""Every folder under functions/ is a Lambda function: wired in the template, told in the README, routes only."""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

import pytest

from local.intrinsics import load
from tests.architecture.sources import FUNCTIONS, ROOT, apps, none_of, product
from tests.world import World, function

KINDS = {"api", "webhooks", "queues", "steps", "schedules", "streams", "operations"}


@cache
def template() -> dict[str, Any]:
    loaded: dict[str, Any] = load(ROOT / "template.yaml")
    return loaded


def test_functions_are_sorted_by_what_wakes_them() -> None:
    assert {kind for kind, _ in apps()} <= KINDS
    strays = [path for path in FUNCTIONS.rglob("*.py") if path.name != "app.py"]
    none_of(f"{path}: a function is one app.py" for path in strays)


def test_every_function_has_its_resource_in_the_template() -> None:
    shared = template()["Globals"]["Function"]["Handler"]
    given = {
        resource["Properties"]["CodeUri"].strip("/"): resource["Properties"].get("Handler", shared)
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    none_of(f"functions/{k}/{n}: no resource" for k, n in apps() if f"functions/{k}/{n}" not in given)
    none_of(f"{code}: no folder" for code in given if tuple(code.split("/")[1:]) not in apps())
    assert set(given.values()) == {"app.handler"}


def test_every_function_has_its_row_in_the_readme() -> None:
    rows = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("|")]
    none_of(f"functions/{k}/{n}: no row" for k, n in apps() if not any(f"`{k}/{n}`" in row for row in rows))


def test_an_app_only_wires() -> None:
    """Routes, consumers and steps: no classes with behaviour, no drivers."""
    drivers = ("psycopg", "boto3", "botocore", "requests", "razorpay", "urllib")
    none_of(
        f"{source.name}:{line} {name}"
        for source in product()
        if source.path.is_relative_to(FUNCTIONS)
        for line, name in source.imports()
        if name.split(".")[0] in drivers
    )


def test_every_app_offers_a_handler_and_says_what_it_is() -> None:
    for source in product():
        if source.path.name == "app.py":
            assert ast.get_docstring(source.tree), source.name
            names = {ast.unparse(t) for n in ast.walk(source.tree) if isinstance(n, ast.Assign) for t in n.targets}
            names |= {n.name for n in source.tree.body if isinstance(n, ast.FunctionDef)}
            assert "handler" in names, source.name


@pytest.mark.parametrize(("kind", "name"), apps())
def test_every_function_can_be_loaded(world: World, kind: str, name: str) -> None:
    assert callable(function(kind, name).handler)
