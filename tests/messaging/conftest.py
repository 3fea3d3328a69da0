"""A library that may send, in the daytime, and a vendor whose mood a test decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest
from studyspot.credits import service as wallets
from studyspot.gateways.failures import GatewayFailure
from studyspot.gateways.msg91 import Msg91
from studyspot.kit import aws, clock
from studyspot.messaging import service

from tests.world import Tenant, World

PHONE = "+919876543210"
RECEIPT = {"name": "Student 017", "amount": "499.00", "purpose": "seat A-01", "receipt": "R/26-27/00017"}
DUE = {"name": "Student 017", "amount": "900", "library": "North Hall", "date": "30 Nov"}


@dataclass
class Vendor:
    """What MSG91 was asked to send. `mood` is raised instead of accepting; `crash` after accepting."""

    sent: list[tuple[str, str, list[str]]] = field(default_factory=list)
    mood: GatewayFailure | None = None
    crash: bool = False
    before: Callable[[], Any] = lambda: None
    account: str = field(default_factory=lambda: uuid4().hex)

    def send(self, flow: str, phone: str, values: list[str]) -> str:
        self.before()
        if self.mood:
            raise self.mood
        self.sent.append((flow, phone, values))
        if self.crash:
            raise SystemExit("the process dies before it can record anything")
        return self.request_id(len(self.sent))

    def request_id(self, n: int) -> str:
        """What the n-th accepted message is known by."""
        return f"{self.account}-{n}"


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Vendor:
    known = Vendor()
    monkeypatch.setattr(Msg91, "send", lambda self, flow, phone, values: known.send(flow, phone, values))
    return known


@pytest.fixture(autouse=True)
def daytime(world: World) -> Iterator[None]:
    go_to(world, time(10), unless=(time(9), time(19)))
    yield


@pytest.fixture(autouse=True)
def standing_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are handed on nowhere: a test delivers them itself, as often as it likes."""
    for call in ("send_message", "start_execution", "put_event"):
        monkeypatch.setattr(aws, call, lambda *_: None)


@pytest.fixture
def library(world: World) -> Tenant:
    tenant = world.tenant()
    with world.db(tenant.id) as db:
        service.seed_templates(db)
        wallets.grant(db, "sms", 20, "welcome")
    return tenant


def go_to(world: World, hour: time, unless: tuple[time, time] | None = None) -> None:
    """The next time it is that late in India."""
    now = clock.now().astimezone(clock.INDIA)
    if unless and unless[0] <= now.time() <= unless[1]:
        return
    then = datetime.combine(now.date(), hour, clock.INDIA)
    world.advance_to(then if then > now else then + timedelta(days=1))


def wallet(world: World, tenant: Tenant) -> tuple[int, int, int]:
    with world.db(tenant.id) as db:
        found = wallets.wallet(db)["sms"]
    return found.balance, found.reserved, found.consumed_total


def messages(world: World, tenant: Tenant) -> list[dict[str, Any]]:
    """Newest first, as the owner sees them."""
    found: list[dict[str, Any]] = world.call("messaging", "GET", "/messaging/history", tenant.owner).data
    return found


def receipt(world: World, tenant: Tenant, **how: Any) -> None:
    with world.db(tenant.id) as db:
        service.send(db, "payment_receipt", PHONE, RECEIPT, **how)


def deliver(world: World, tenant: Tenant, queue: str = "sms-service") -> Any:
    """Whatever waits, once."""
    return world.deliver("sms_sender", *world.outbox(tenant.id, queue))
