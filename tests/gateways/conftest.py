"""The simulators behind a real listener on the loopback, and our gateways pointed at them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from studyspot.gateways.cashfree import Cashfree
from studyspot.gateways.msg91 import Msg91
from studyspot.gateways.payment import Customer
from studyspot.gateways.paytm import Paytm
from studyspot.gateways.razorpay import Razorpay
from studyspot.gateways.stripe import Stripe
from studyspot.gateways.wire import session_to

from local.simulators import Keys, Simulators, Template

TEMPLATES = {
    "otp_login": Template("{#var#} is your code for {#var#}.", ("code", "purpose")),
    "payment_receipt": Template("Received Rs {#var#} for {#var#}.", ("amount", "what")),
}


@dataclass
class Clock:
    """A clock that moves when told."""

    at: datetime = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def advance(self, **step: float) -> None:
        self.at += timedelta(**step)


@dataclass
class Product:
    """Where webhooks arrive; `answers` are the statuses to give, 200 once they have run out."""

    received: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.received.append((url, body, dict(headers)))
        return self.answers.pop(0) if self.answers else 200


class Mount:
    """The application of the test that is running."""

    world: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.world.front(scope, receive, send)


@pytest.fixture(scope="session")
def listener() -> Iterator[tuple[Mount, str]]:
    mount = Mount()
    config = uvicorn.Config(mount, lifespan="off", ws="none", log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    # listening before the thread runs: early connections wait in the backlog instead of failing
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield mount, f"http://127.0.0.1:{port}/sim"
        for vendor in ("razorpay", "cashfree/pg", "paytm", "stripe", "msg91"):
            session_to(vendor.partition("/")[0], f"http://127.0.0.1:{port}/sim/{vendor}", _reader(vendor)).close()
        server.should_exit = True
        thread.join(timeout=10)


def _reader(vendor: str) -> Any:
    from studyspot.gateways import cashfree, msg91, paytm, razorpay, stripe

    known = {"razorpay": razorpay, "cashfree/pg": cashfree, "paytm": paytm, "stripe": stripe, "msg91": msg91}
    return known[vendor].read_error


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def product() -> Product:
    return Product()


@pytest.fixture
def console() -> list[str]:
    return []


@pytest.fixture
def open_world(tmp_path: Path, clock: Clock, product: Product, console: list[str]) -> Any:
    """A new set of simulators on the same state, as after a restart."""

    def open_it() -> Simulators:
        return Simulators(
            tmp_path,
            product_url="http://product.test",
            keys=Keys(),
            templates=TEMPLATES,
            clock=clock.now,
            post=product.post,
            console=console.append,
        )

    return open_it


@pytest.fixture
def world(listener: tuple[Mount, str], open_world: Any) -> Iterator[Simulators]:
    mount, _ = listener
    mount.world = open_world()
    yield mount.world
    mount.world.stop()


@pytest.fixture
def base_url(world: Simulators, listener: tuple[Mount, str]) -> str:
    return listener[1]


@pytest.fixture
def razorpay(base_url: str) -> Razorpay:
    keys = Keys()
    secrets = (keys.razorpay_webhook_secret,)
    return Razorpay(keys.razorpay_key_id, keys.razorpay_key_secret, secrets, f"{base_url}/razorpay")


@pytest.fixture
def cashfree(base_url: str) -> Cashfree:
    keys = Keys()
    return Cashfree(keys.cashfree_client_id, keys.cashfree_client_secret, f"{base_url}/cashfree/pg")


@pytest.fixture
def paytm(base_url: str) -> Paytm:
    keys = Keys()
    return Paytm(keys.paytm_mid, keys.paytm_merchant_key, keys.paytm_website, f"{base_url}/paytm")


@pytest.fixture
def stripe(base_url: str) -> Stripe:
    keys = Keys()
    secrets = (keys.stripe_webhook_secret,)
    return Stripe(keys.stripe_publishable_key, keys.stripe_secret_key, secrets, f"{base_url}/stripe")


@pytest.fixture
def msg91(base_url: str) -> Msg91:
    return Msg91(Keys().msg91_auth_key, "STDYSP", f"{base_url}/msg91")


@pytest.fixture
def payer() -> Customer:
    return Customer(phone="+919876543210", name="Student 017", email="student017@example.com")


@pytest.fixture
def order_at(payer: Customer, clock: Clock) -> Any:
    """Open an order at a gateway: `order_at(gateway, reference, paise)`."""

    def open_it(gateway: Any, reference: str = "ref-0001", paise: int = 49_900) -> Any:
        until = clock.now() + timedelta(minutes=15)
        return gateway.create_order(
            reference, paise, "INR", payer, until, {"tenant": "t1"}, "https://app.example.com/paid"
        )

    return open_it
