"""The typed client that is generated from the description speaks with the product it was made for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import client
from tests.world import World, function, http_event


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    out = tmp_path_factory.mktemp("client") / "out"
    written = client.write(out, hooks=[])
    sys.path.insert(0, str(out))
    yield written
    sys.path.remove(str(out))


class InProcess(httpx.BaseTransport):
    """HTTP as far as the client can tell; the group is the first part of the path."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        event = http_event(request.method, path, dict(request.headers), request.read() or None, "127.0.0.1")
        answer = function("api", path.split("/")[3].partition("?")[0]).handler(event, None)
        return httpx.Response(answer["statusCode"], headers=answer["headers"], text=answer.get("body") or "")


def module(name: str) -> Any:
    return importlib.import_module(f"{client.PACKAGE}.{name}")


def test_the_client_reads_what_the_product_answers(world: World, package: Path) -> None:
    tenant = world.tenant()
    speaking = module("client").AuthenticatedClient(
        base_url="http://studyspot.test", token=tenant.owner, httpx_args={"transport": InProcess()},
        headers={"accept-encoding": "identity"},
    )  # fmt: skip
    own = module("api.tenants.tenants_own").sync(client=speaking)
    assert (own.success, own.data.id, own.data.slug) == (True, tenant.id, tenant.slug)
    body = module("models").StudentRequest(first_name="Asha", phone="+919812345670")
    made = module("api.students.students_create").sync_detailed(client=speaking, body=body)
    assert made.status_code == 201, made.content
    listed = module("api.students.students_listed").sync(client=speaking, limit=5)
    assert [student.id for student in listed.data] == [made.parsed.data.id]
    assert listed.meta.next_cursor is None
    refused = module("api.students.students_create").sync(client=speaking, body=body)
    assert (type(refused).__name__, refused.code) == ("Problem", "phone_exists")
