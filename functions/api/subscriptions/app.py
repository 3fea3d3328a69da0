"""/subscriptions - organisations choose a plan and see what they are billed."""

from __future__ import annotations

from typing import Annotated

from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.signature import CoreDb
from studyspot.subscriptions import service
from studyspot.subscriptions.models import Current, Plan, Subscribed, Subscribing

Reader = Annotated[Actor, allow("subscriptions:read")]
Subscriber = Annotated[Actor, allow("subscriptions:manage")]

api = Api("subscriptions")
handler = api.handler


@api.get("/subscriptions/plans", public=True)
def price_list(core: CoreDb) -> list[Plan]:
    """The plans on sale."""
    return service.plans(core)


@api.get("/subscriptions/current")
def current_subscription(owner: Reader, core: CoreDb) -> Current:
    """The subscription that counts now, with its invoices."""
    return service.current(core, owner.tenant_id)


@api.post("/subscriptions/subscribe", status_code=201, keyed="required")
def subscribe(request: Subscribing, owner: Subscriber, core: CoreDb) -> Subscribed:
    """Choose a plan; the payer's approval of the mandate makes it active."""
    return service.subscribe(core, owner, request)
