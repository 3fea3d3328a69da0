"""The shop of `tests/fulfilment/shop.py`, and a market in it."""

import pytest

from tests.fulfilment.shop import Shop, gateways_listener, no_cloud, shop
from tests.settlements.market import Market

__all__ = ["gateways_listener", "market", "no_cloud", "shop"]


@pytest.fixture
def market(shop: Shop) -> Market:
    return Market(shop)
