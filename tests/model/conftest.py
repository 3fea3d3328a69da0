"""The shop of `tests/fulfilment/shop.py`, on a clock that stands still until a move says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from studyspot.kit import clock

from tests.fulfilment.shop import Mount, Shop, gateways_listener, no_cloud, open_shop
from tests.model.explorer import Report, search
from tests.model.sandbox import Sandbox
from tests.model.scenarios import Scenario
from tests.world import World

__all__ = ["gateways_listener", "no_cloud"]
Explore = Callable[[Scenario], Report]


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    made = Sandbox()
    monkeypatch.setattr(clock, "now", made.now)
    return made


@pytest.fixture
def shop(
    world: World, gateways_listener: tuple[Mount, str], tmp_path: Path, no_cloud: None, sandbox: Sandbox
) -> Iterator[Shop]:
    with open_shop(world, *gateways_listener, tmp_path) as opened:
        yield opened


@pytest.fixture
def explore(shop: Shop, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Explore:
    return lambda scenario: search(shop, sandbox, monkeypatch, scenario)
