"""The shop of `tests/fulfilment/shop.py`, for every story about money."""

from tests.fulfilment.shop import gateways_listener, no_cloud, shop

__all__ = ["gateways_listener", "no_cloud", "shop"]
