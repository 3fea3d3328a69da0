"""Every route of a function's code is one that the template sends to that function."""

from __future__ import annotations

import re

import pytest
from studyspot.kit.paths import PREFIX, canonical

from local.gateway import Routes
from local.template import ROOT, Template
from tests.architecture.sources import apps, none_of
from tests.world import World, function

HTTP = [(kind, name) for kind, name in apps() if kind in ("api", "webhooks")]


@pytest.fixture(scope="module")
def template() -> Template:
    parameters = {"AppDbSecretArn": "app", "WorkerDbSecretArn": "worker", "MigratorDbSecretArn": "migrator"}
    return Template("http://127.0.0.1:4566", parameters)


@pytest.mark.parametrize(("kind", "name"), HTTP)
def test_what_the_code_serves_is_routed_to_it(world: World, template: Template, kind: str, name: str) -> None:
    """By its canonical path and by the older, unversioned one."""
    code = ROOT / "functions" / kind / name
    owner = next(name for name, each in template.functions.items() if each.code == code)
    routes = Routes(template.routes)
    api = function(kind, name).api
    served = [(route.method, route.path) for route in api.routes] + [("GET", path) for path in api.plain]
    older = [(method, path.replace(PREFIX, "/api", 1)) for method, path in served]
    served += [(m, old) for (m, old), (_, path) in zip(older, served, strict=True) if canonical(old, m) == path]

    def taken(method: str, path: str) -> str | None:
        match = routes.match(method, re.sub(r"{\w+}", "x", path))
        return match and match.function

    none_of(f"{m} {p} goes to {taken(m, p)}" for m, p in served if taken(m, p) != owner)
