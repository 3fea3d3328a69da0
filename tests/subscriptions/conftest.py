"""The shop's gateways and couriers, for subscriptions too."""

from tests.fulfilment.shop import gateways_listener, no_cloud, shop

__all__ = ["gateways_listener", "no_cloud", "shop"]
