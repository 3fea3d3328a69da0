"""The process dies at every statement boundary of the payment path; recovery then ends as if nothing had happened.

Each story is run with the n-th round trip to any database not being sent, for n = 1, 2, ... until it completes: a crash
before a trip is also the crash after the one before it, and after whatever the gateway was asked in between. What was
asked is then asked again, couriers deliver, queues and timers run: charged once, active once, and the books agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from studyspot.fulfilment import paying
from studyspot.kit import connections
from studyspot.kit.connections import Connection

from tests.fulfilment.shop import Mount, Shop, open_shop
from tests.world import World

GATEWAYS = ("razorpay", "cashfree", "paytm", "stripe")
MOST_TRIPS = 80
LEAST_TRIPS = 6
"""Fewer would mean that the story was not interrupted where it matters."""


class Killed(BaseException):
    """The process is gone: nothing in it may catch this and carry on."""


class Mortal:
    """Lets `left` trips happen, then none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.died = False
        real = Connection.trip

        def trip(connection: Connection, *segments: Any) -> Any:
            if self.left is not None:
                if self.left == 0:
                    self.died = True
                    raise Killed
                self.left -= 1
            return real(connection, *segments)

        monkeypatch.setattr(Connection, "trip", trip)

    def live(self, trips: int, story: Callable[[], Any]) -> bool:
        """Run the story; True when it came to its end before the trips did."""
        self.left, self.died = trips, False
        try:
            story()
        except Killed:
            self.died = True
        finally:
            self.left = None
            # what the server knows of a dead process: its sockets close, open transactions roll back
            for connection in list(connections._open.values()):
                connection.pg.close()
            connections._open.clear()
        return not self.died


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> Mortal:
    return Mortal(monkeypatch)


@pytest.fixture
def shops(
    world: World, gateways_listener: tuple[Mount, str], tmp_path: Path, no_cloud: None
) -> Callable[[], open_shop]:
    mount, url = gateways_listener
    opened = count()
    return lambda: open_shop(world, mount, url, tmp_path / str(next(opened)))


def recover(shop: Shop) -> None:
    """Everything that works by itself: couriers, queues, machines, timers."""
    shop.webhooks()
    shop.background()
    shop.pass_time(timedelta(minutes=3))


def agree(shop: Shop, booking: str) -> dict[str, Any]:
    """Paid <=> active, at most one net capture, one receipt, balanced books that say what the gateways say."""
    net = shop.net_captured()
    active = shop.scene.status(booking) == "confirmed"
    with shop.world.db(shop.tenant) as db:
        kept = db.value("SELECT count(*) FROM payments WHERE activated_at IS NOT NULL")
        pending = db.value("SELECT count(*) FROM refunds WHERE status = 'pending'")
    books = shop.books()
    assert pending == 0
    assert net in (0, 12000)
    assert books.get("revenue.booking", 0) == -net
    assert books.get("liability.refunds_due", 0) == 0
    assert shop.receipts() == kept == (1 if active else 0)
    return {"net": net, "active": active}


@dataclass
class Told:
    """What a story knows: its shop, its booking, and whatever it needs to go on."""

    shop: Shop
    gateway: str
    booking: str = ""
    payment: dict[str, Any] = field(default_factory=dict)
    callback: dict[str, Any] = field(default_factory=dict)
    token: str = ""

    def opened(self, **more: Any) -> None:
        """A payment that waits to be paid."""
        self.booking = self.shop.book()
        self.payment = self.shop.create(self.booking, gateway=self.gateway, **more).data
        self.token = self.shop.token

    def create(self, token: str | None = None) -> Any:
        return self.shop.create(self.booking, token, gateway=self.gateway, key="k")


Story = Callable[[Told], Any]
Everywhere = Callable[..., int]


@pytest.fixture
def everywhere(shops: Callable[[], open_shop], mortal: Mortal) -> Everywhere:
    """Runs a story once for each of its boundaries, dying there; answers how many there were."""

    def run(before: Story, dies: Story, after: Story, gateway: str = "auto") -> int:
        for trips in range(MOST_TRIPS):
            with shops() as shop:
                told = Told(shop, gateway)
                before(told)
                done = mortal.live(trips, lambda told=told: dies(told))
                try:
                    after(told)
                except AssertionError as error:
                    error.add_note(f"died before trip {trips} of a story at {gateway}")
                    raise
            if done:
                assert trips > LEAST_TRIPS, "hardly anything was interrupted"
                return trips
        raise AssertionError("it never came to its end")

    return run


def say(what: str, gateway: str, boundaries: int) -> None:
    print(f"{what} at {gateway}: died at each of {boundaries} boundaries")


def booked(told: Told) -> None:
    told.booking = told.shop.book()
    told.token = told.shop.token


def asked_again_and_paid(told: Told) -> None:
    """The client repeats its request, once more where it is told to; the payer pays what is shown.

    At Paytm the token of an order is given once: who died with it is told 503, and the next request begins another.
    """
    told.shop.world.advance(timedelta(seconds=61))
    answer = told.create()
    if answer.status == 503:
        answer = told.create()
    assert answer.status == 201, answer.json
    told.shop.pay(answer.data)
    recover(told.shop)
    assert agree(told.shop, told.booking) == {"net": 12000, "active": True}
    assert told.shop.count("payments") == 1


def forgotten(told: Told) -> None:
    told.shop.pass_time(timedelta(minutes=20))
    assert agree(told.shop, told.booking) == {"net": 0, "active": False}
    assert told.shop.scene.status(told.booking) == "expired"


def bought(told: Told) -> None:
    recover(told.shop)
    assert agree(told.shop, told.booking) == {"net": 12000, "active": True}


def back_from_the_page(told: Told) -> None:
    told.opened()
    told.callback = told.shop.pay(told.payment, webhook="lost")


def verified(told: Told) -> Any:
    return told.shop.verify(told.payment["id"], told.callback, token=told.token)


def paid_and_told(told: Told) -> None:
    told.opened()
    told.shop.pay(told.payment)


def arrives(told: Told) -> None:
    told.shop.webhooks()
    told.shop.background(1)


def captured(told: Told) -> None:
    back_from_the_page(told)
    verified(told)
    recover(told.shop)
    told.token = told.shop.owner


def refunded(told: Told) -> Any:
    return told.shop.refund(told.payment["id"], 5000, key="k", token=told.token)


def given_back_once(told: Told) -> None:
    shop = told.shop
    shop.world.advance(timedelta(seconds=61))
    recover(shop)
    told.token = shop.owner
    answer = refunded(told)
    assert answer.status == 201, answer.json
    recover(shop)
    given = shop.payment(told.payment["id"])["refundedPaise"]
    assert given == 12000 - shop.net_captured() == 5000
    assert shop.count("refunds") == 1
    assert shop.books()["revenue.booking"] == given - 12000


def cancelled_and_paid(told: Told) -> None:
    told.opened()
    told.shop.world.call("bookings", "POST", f"/bookings/{told.booking}/cancel", told.shop.token, {})
    told.shop.pay(told.payment)


def arrives_and_goes_back(told: Told) -> None:
    told.shop.webhooks()
    told.shop.background()


def all_given_back(told: Told) -> None:
    recover(told.shop)
    assert agree(told.shop, told.booking) == {"net": 0, "active": False}
    assert told.shop.payment(told.payment["id"])["status"] == "refunded"


def polled(told: Told) -> None:
    told.shop.pass_time(timedelta(seconds=61))


def test_create_killed_anywhere(everywhere: Everywhere) -> None:
    say("create", "razorpay", everywhere(booked, lambda told: told.create(told.token), asked_again_and_paid))


def test_create_killed_and_forgotten_leaves_nothing_owed(everywhere: Everywhere) -> None:
    say("create, forgotten", "razorpay", everywhere(booked, lambda told: told.create(told.token), forgotten))


def test_verify_killed_anywhere(everywhere: Everywhere) -> None:
    say("verify", "razorpay", everywhere(back_from_the_page, verified, bought))


@pytest.mark.slow
@pytest.mark.parametrize("gateway", GATEWAYS)
def test_at_each_gateway_killed_anywhere(everywhere: Everywhere, gateway: str) -> None:
    """Create, verify, webhook with its settlement, the poller, and a refund."""
    stories: dict[str, tuple[Story, Story, Story]] = {
        "create": (booked, lambda told: told.create(told.token), asked_again_and_paid),
        "verify": (back_from_the_page, verified, bought),
        "webhook and settlement": (paid_and_told, arrives, bought),
        "poll and settlement": (back_from_the_page, polled, bought),
        "refund": (captured, refunded, given_back_once),
        "a refund nobody asked for": (cancelled_and_paid, arrives_and_goes_back, all_given_back),
    }
    for name, story in stories.items():
        say(name, gateway, everywhere(*story, gateway))


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["down", "timeout_after_effect"])
@pytest.mark.parametrize("after", [asked_again_and_paid, forgotten])
def test_failover_killed_anywhere(
    everywhere: Everywhere, monkeypatch: pytest.MonkeyPatch, fault: str, after: Story
) -> None:
    """The first gateway is down, or makes the order and is not heard; the second one is asked."""
    monkeypatch.setattr(paying, "BUDGET_SECONDS", 3.0)
    monkeypatch.setattr(paying, "FIRST_SECONDS", 0.6)

    def first_fails(told: Told) -> None:
        booked(told)
        told.shop.fault("razorpay", fault, "create_order")

    boundaries = everywhere(first_fails, lambda told: told.create(told.token), after)
    say(f"failover ({fault}), {after.__name__}", "razorpay, then cashfree", boundaries)
