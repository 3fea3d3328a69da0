"""A library that takes money: the real functions, the simulated gateways behind real HTTP, a hand on every courier."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from studyspot.credits.service import grant
from studyspot.fulfilment import recovery
from studyspot.kit import aws, cells, clock, ids, timers
from studyspot.ledger import service as ledger

from local.simulators import Keys, Simulators
from local.simulators.kept import kept_paise
from tests.bookings.scene import Scene, next_day
from tests.world import Answer, World, function

KEYS = Keys()


class Mount:
    """The application of the test that is running."""

    simulators: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.simulators.front(scope, receive, send)


@pytest.fixture(scope="session")
def gateways_listener() -> Iterator[tuple[Mount, str]]:
    mount = Mount()
    config = uvicorn.Config(mount, lifespan="off", ws="none", log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield mount, f"http://127.0.0.1:{port}/sim"
        server.should_exit = True
        thread.join(timeout=10)
        from studyspot.gateways import wire

        wire.session_to.cache_clear()


@dataclass
class Shop:
    """See the module. Nothing moves by itself: webhooks, queues, machines and timers run when a test says so."""

    world: World
    scene: Scene
    simulators: Simulators
    student: UUID
    refused: list[tuple[int, str]] = field(default_factory=list)
    earlier: frozenset[str] = frozenset()
    """What other tests left in tenant zero's outbox."""

    @property
    def tenant(self) -> UUID:
        return self.scene.tenant.id

    @property
    def owner(self) -> str:
        """A fresh token, as time passes quickly here."""
        return self.world.token("library_owner", self.tenant, self.scene.tenant.owner_id)

    @property
    def token(self) -> str:
        """The student's, as fresh."""
        return self.scene.token(self.student)

    def book(self, days: int = 1, hours: float = 2) -> str:
        answer = self.scene.book(self.token, start=next_day(10, days=days), hours=hours)
        assert answer.status == 201, answer.json
        return str(answer.data["id"])

    def create(self, booking: str, token: str | None = None, **more: Any) -> Answer:
        headers = {"idempotency_key": more.pop("key")} if "key" in more else {}
        body = {"purpose": "booking", "purposeId": booking, **more}
        return self.world.call("payments", "POST", "/payments/create", token or self.token, body, **headers)

    def pay(self, payment: Mapping[str, Any], outcome: str = "success", **how: Any) -> dict[str, Any]:
        return self.simulators.pay(payment["gatewayOrderId"], outcome, **how)

    def verify(self, payment_id: str, callback: Mapping[str, Any], token: str | None = None) -> Answer:
        body = {"paymentId": payment_id, "callback": dict(callback)}
        return self.world.call("payments", "POST", "/payments/verify", token or self.token, body)

    def get(self, path: str, token: str | None = None) -> Any:
        return self.world.call("payments", "GET", path, token or self.owner).data

    def payment(self, payment_id: str) -> dict[str, Any]:
        return self.get(f"/payments/{payment_id}")

    def timeline(self, payment_id: str) -> list[dict[str, Any]]:
        return self.get(f"/payments/{payment_id}/timeline")

    def kinds(self, payment_id: str) -> list[str]:
        return [line["kind"] for line in self.timeline(payment_id)]

    def refund(
        self, payment_id: str, amount: int | None = None, key: str = "r1", token: str | None = None, **more: Any
    ) -> Answer:
        body = {"reason": "asked for", **more} | ({"amountPaise": amount} if amount is not None else {})
        path = f"/payments/{payment_id}/refund"
        return self.world.call("payments", "POST", path, token or self.owner, body, idempotency_key=key)

    def post_webhook(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        vendor = url.rpartition("/")[2]
        sent = {name.lower(): value for name, value in headers.items()}
        answer = self.world.call(vendor, "POST", f"/payments/webhook/{vendor}", None, body, kind="webhooks", **sent)
        if answer.status >= 300:
            self.refused.append((answer.status, answer.code))
        return answer.status

    def webhooks(self) -> None:
        """Everything on its way from the vendors arrives."""
        while self.simulators.deliver():
            continue

    def background(self, rounds: int = 6) -> None:
        """Queues and machines work off what is in the outbox."""
        for _ in range(rounds):
            if not any([self._work_off(ids.PLATFORM), self._work_off(self.tenant)]):
                return

    def _work_off(self, tenant: UUID) -> int:
        messages = [m for m in self.world.outbox(tenant, "payment-settler") if m["outboxId"] not in self.earlier]
        if messages:
            self.world.deliver("payment_settler", *messages)
        started = [m for m in self.world.outbox(tenant, "payment_failover") if m["outboxId"] not in self.earlier]
        for message in started:
            self.machine(message)
        return len(messages) + len(started)

    def machine(self, message: dict[str, Any]) -> None:
        """`payment_failover`, as the worker runs it."""
        with self.world.worker():
            self.walk(message)

    def walk(self, message: dict[str, Any]) -> None:
        """`payment_failover` as its definition walks."""
        states = definition()
        at, given = "Where", message
        handler = function("steps", "failover").handler
        while True:
            state = states[at]
            if state["Type"] == "Choice":
                hit = next((c for c in state["Choices"] if c["StringEquals"] == given["resume"]), None)
                at = hit["Next"] if hit else state["Default"]
                continue
            given = handler({"step": state["Parameters"]["Payload"]["step"], "input": given}, None)
            if state.get("End"):
                return
            at = state["Next"]

    def pass_time(self, by: timedelta) -> None:
        """The clock moves, due timers fire, and what they start is worked off."""
        end = clock.now() + by
        while True:
            with self.world.worker():
                due = timers.next_due()
            if due is None or due > end:
                break
            self.world.advance_to(due + timedelta(milliseconds=5))
            self.fire()
        self.world.advance_to(end)

    def fire(self) -> None:
        from studyspot.bookings import service as bookings

        with self.world.worker():
            timers.fire_due({"booking_release": bookings.release_unpaid, "sms_release": lambda *_: None})
        self.background()

    def books(self) -> dict[str, int]:
        """The trial balance, after checking that everything sums to zero."""
        with self.world.db(self.tenant) as db:
            assert ledger.differences(db) == []
            balances = {b.account: b.balance_paise for b in ledger.trial_balance(db)}
        assert sum(balances.values()) == 0
        return balances

    def receipts(self) -> int:
        with self.world.db(self.tenant) as db:
            return int(db.value("SELECT count(*) FROM communications WHERE template_id = 'payment_receipt'"))

    def net_captured(self) -> int:
        """What the gateways hold for us after refunds, in paise, as they themselves say."""
        return sum(kept_paise(self.simulators._store, name) for name in ("razorpay", "cashfree", "paytm", "stripe"))

    def fault(self, target: str, fault: str, operation: str | None = None, times: int | None = 1, **more: Any) -> None:
        self.simulators.add_fault({"target": target, "fault": fault, "operation": operation, "times": times, **more})

    def count(self, table: str, where: str = "true") -> int:
        with self.world.db(self.tenant) as db:
            return int(db.value(f"SELECT count(*) FROM {table} WHERE {where}"))


@cache
def definition() -> dict[str, Any]:
    """The states of `payment_failover`."""
    import yaml

    from tests.world import ROOT

    states: dict[str, Any] = yaml.safe_load((ROOT / "statemachines/payment_failover.asl.yaml").read_text())["States"]
    return states


@pytest.fixture
def no_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handing on at once fails, as in an outage: the outbox rows stay, and tests deliver them."""

    def unreachable(*_: Any) -> None:
        raise ConnectionError("no cloud here")

    for name in ("send_message", "start_execution", "put_event"):
        monkeypatch.setattr(aws, name, unreachable)


@pytest.fixture
def shop(world: World, gateways_listener: tuple[Mount, str], tmp_path: Path, no_cloud: None) -> Iterator[Shop]:
    mount, url = gateways_listener
    with open_shop(world, mount, url, tmp_path) as opened:
        yield opened


class open_shop:  # noqa: N801 - reads as the function it is used as
    """A new tenant with a library, a student with money, and gateways of its own."""

    def __init__(self, world: World, mount: Mount, url: str, state: Path) -> None:
        self.world, self.mount, self.url, self.state = world, mount, url, state

    def __enter__(self) -> Shop:
        couriers: list[Shop] = []

        def courier(url: str, body: bytes, headers: Mapping[str, str]) -> int:
            return couriers[0].post_webhook(url, body, headers)

        self.simulators = self.mount.simulators = Simulators(
            self.state, product_url="http://product", keys=KEYS, templates={}, clock=clock.now,
            post=courier, console=lambda _: None,
        )  # fmt: skip
        environment = {k.lower(): v for k, v in KEYS.environment(self.url).items()}
        self.setting = self.world.setting(**environment)
        self.setting.__enter__()
        with cells.core_db() as core:
            core.run("DELETE FROM gateway_health")
        scene = Scene.open(self.world)
        with self.world.db(scene.tenant.id) as db:
            db.run("DELETE FROM gateway_health")
            grant(db, "sms", 500, "trial")
        student = scene.student()
        shop = Shop(self.world, scene, self.simulators, student)
        shop.earlier = frozenset(m["outboxId"] for m in self.world.outbox(ids.PLATFORM))
        couriers.append(shop)
        return shop

    def __exit__(self, *_: Any) -> None:
        self.setting.__exit__(None, None, None)
        self.simulators.stop()


def tomorrow() -> datetime:
    return next_day(10)


__all__ = ["Shop", "gateways_listener", "no_cloud", "open_shop", "recovery", "shop"]
