"""One real PostgreSQL for the run, one new tenant for each test: tenants are what isolates tests here too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from local.postgres import Postgres
from tests.stack import stack, whole_stack
from tests.store import bucket
from tests.world import World, fresh_signing_keys

__all__ = ["bucket", "postgres", "stack", "whole_stack", "whole_world", "world"]

ENVIRONMENT = {
    "STAGE": "test",
    "AWS_DEFAULT_REGION": "ap-south-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "HMAC_KEY": "test-hmac-key",
    "BCRYPT_COST": "4",
    "EVEN_TIME_FACTOR": "0",
    "RATE_LIMIT_FACTOR": "100",
    "CORS_ORIGIN": "https://app.studyspot.test",
    "RAZORPAY_KEY_ID": "rzp_test_key",
    "RAZORPAY_KEY_SECRET": "rzp_test_secret",
    "RAZORPAY_WEBHOOK_SECRET": "rzp_webhook_secret",
    "CASHFREE_CLIENT_ID": "cf_test_id",
    "CASHFREE_CLIENT_SECRET": "cf_test_secret",
    "MSG91_AUTH_KEY": "msg91-key",
    "MSG91_WEBHOOK_TOKEN": "msg91-token",
    "LOG_LEVEL": "ERROR",
    "PUBLIC_BASE_URL": "http://127.0.0.1:3000",
}


# The same examples in every run; the fuzzer and the slow proofs are the ones that look for new ones.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")

LONGEST_NAME = 80
DEAR = {"whole_stack": "stage", "running_sample": "sample", "transformed": "template"}


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what is dear to make share one process: a stage is started once, not once a core."""
    for item in items:
        for fixture, group in DEAR.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(group))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A test is not named by a whole file: one that carries the time would have another name in each process."""
    return f"{argname}-of-{len(val)}" if isinstance(val, str | bytes) and len(val) > LONGEST_NAME else None


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server of its own; durability is off because nothing here outlives the run."""
    data: Path = tmp_path_factory.mktemp("postgres")
    unsafe = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "700"}
    with Postgres(data / "data", settings=unsafe) as server:
        yield server


@pytest.fixture(scope="session")
def whole_world(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Core and a pool cell - made once."""
    clock_file = tmp_path_factory.mktemp("clock") / "offset"
    clock_file.write_bytes(bytes(8))
    keys = json.dumps(fresh_signing_keys())
    world = World(postgres, clock_file, ENVIRONMENT | {"SIGNING_KEYS": keys})
    yield world
    world.close()


@pytest.fixture
def world(whole_world: World) -> Iterator[World]:
    """The world as the role of request functions, with nothing left open by the test before."""
    whole_world.begin()
    yield whole_world
    whole_world.end()
