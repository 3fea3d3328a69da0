"""Every route of a function's code is one that the template sends to that function."""

import re
from pathlib import Path

import pytest

from local.gateway import Routes
from local.template import ROOT, Template

DECLARED = re.compile(r"""^@\w+\.(get|post|put|delete|patch)\(\s*"([^"]+)\"""", re.MULTILINE)
APPS = sorted(ROOT.glob("functions/api/*/app.py")) + sorted(ROOT.glob("functions/webhooks/*/app.py"))


@pytest.fixture(scope="module")
def template() -> Template:
    parameters = {"AppDbSecretArn": "app", "WorkerDbSecretArn": "worker", "MigratorDbSecretArn": "migrator"}
    return Template("http://127.0.0.1:4566", parameters)


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.parent.name)
def test_what_the_code_serves_is_routed_to_it(template: Template, app: Path) -> None:
    owner = next(name for name, function in template.functions.items() if function.code == app.parent)
    routes = Routes(template.routes)
    astray = {}
    for method, path in DECLARED.findall(app.read_text()):
        full = path if owner == "HealthApi" else f"/api/v1{path}"
        match = routes.match(method.upper(), re.sub(r"\{\w+\}|<\w+>", "x", full))
        if match is None or match.function != owner:
            astray[f"{method.upper()} {path}"] = match and match.function
    assert astray == {}
