"""The shop of `tests/fulfilment/shop.py`, for stories in which a gateway takes part."""

from tests.fulfilment.shop import gateways_listener, no_cloud, shop

__all__ = ["gateways_listener", "no_cloud", "shop"]
