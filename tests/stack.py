"""The whole product on its local stage, started once for every test that calls it over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.proofs.running import Running, running


@pytest.fixture(scope="session")
def whole_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("stack")) as up:
        yield up


@pytest.fixture
def stack(whole_stack: Running) -> Iterator[Running]:
    """Nothing that one test broke is still broken in the next."""
    yield whole_stack
    whole_stack.sandbox.ask("DELETE", "/faults")
    whole_stack.sandbox.ask("PUT", "/limits", {"factor": 100_000})
