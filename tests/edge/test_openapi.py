"""The committed description is what the routes say today, and says it in valid OpenAPI 3.1."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local import openapi_file


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return openapi_file.described()


@pytest.mark.parametrize("name", ["openapi.json", "errors.json"])
def test_the_committed_file_is_a_fresh_one(described: dict[str, Any], name: str) -> None:
    committed = (openapi_file.TARGET / name).read_text()
    assert committed == openapi_file.text_of(described[name]), "run `make openapi`"


def test_every_reference_leads_somewhere_and_every_operation_has_its_own_id(described: dict[str, Any]) -> None:
    document = described["openapi.json"]
    text = json.dumps(document)
    for part in ("schemas", "responses"):
        for name in document["components"][part]:
            assert all(c.isalnum() or c in "._-" for c in name), name
        used = {p.split('"')[0] for p in text.split(f"#/components/{part}/")[1:]}
        assert used <= document["components"][part].keys()
    operations = [o for path in document["paths"].values() for o in path.values()]
    ids = [o["operationId"] for o in operations]
    assert len(ids) == len(set(ids))
    assert all(o["summary"] and o["responses"] for o in operations)


def test_every_schema_has_a_name_that_a_client_can_use(described: dict[str, Any]) -> None:
    schemas = described["openapi.json"]["components"]["schemas"]
    assert all(name.isidentifier() and schema.get("title", name) == name for name, schema in schemas.items())


def test_every_path_parameter_is_described(described: dict[str, Any]) -> None:
    for path, operations in described["openapi.json"]["paths"].items():
        wanted = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        for operation in operations.values():
            assert {p["name"] for p in operation["parameters"] if p["in"] == "path"} == wanted


def test_money_and_messages_state_that_they_owe_a_key(described: dict[str, Any]) -> None:
    operation = described["openapi.json"]["paths"]["/api/v1/tenants"]["post"]
    header = next(p for p in operation["parameters"] if p["name"] == "Idempotency-Key")
    assert header["required"] is False
    assert operation["x-permissions"] == ["tenants:create"]
    assert operation["security"] == [{"bearerAuth": []}, {"sessionCookie": [], "csrfToken": []}]
    reading = described["openapi.json"]["paths"]["/api/v1/tenants"]["get"]
    assert reading["security"] == [{"bearerAuth": []}, {"sessionCookie": []}]
