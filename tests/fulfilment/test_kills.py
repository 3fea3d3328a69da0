"""The process dies at every statement boundary of the payment path; recovery then ends as if nothing had happened.

Each story is run with the n-th round trip to any database not being sent, for n = 1, 2, ... until it completes: a crash
before a trip is also the crash after the one before it, and after whatever the gateway was asked in between.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from studyspot.kit import connections
from studyspot.kit.connections import Connection

from tests.fulfilment.shop import Mount, Shop, open_shop
from tests.world import World

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
) -> Callable[[int], open_shop]:
    mount, url = gateways_listener
    return lambda number: open_shop(world, mount, url, tmp_path / str(number))


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


def test_create_killed_anywhere(shops: Callable[[int], open_shop], mortal: Mortal) -> None:
    for trips in range(MOST_TRIPS):
        with shops(trips) as shop:
            booking = shop.book()
            token = shop.token
            done = mortal.live(trips, partial(shop.create, booking, token=token, key="k"))
            shop.world.advance(timedelta(seconds=61))
            answer = shop.create(booking, key="k")
            assert answer.status == 201, (trips, answer.json)
            shop.pay(answer.data)
            recover(shop)
            assert agree(shop, booking) == {"net": 12000, "active": True}, trips
            assert shop.count("payments") == 1
        if done:
            assert trips > LEAST_TRIPS, "hardly anything was interrupted"
            return
    pytest.fail("create never came to its end")


def test_create_killed_and_forgotten_leaves_nothing_owed(shops: Callable[[int], open_shop], mortal: Mortal) -> None:
    for trips in range(MOST_TRIPS):
        with shops(trips) as shop:
            booking = shop.book()
            token = shop.token
            done = mortal.live(trips, partial(shop.create, booking, token=token))
            shop.pass_time(timedelta(minutes=20))
            assert agree(shop, booking) == {"net": 0, "active": False}, trips
            assert shop.scene.status(booking) == "expired"
        if done:
            assert trips > LEAST_TRIPS, "hardly anything was interrupted"
            return
    pytest.fail("create never came to its end")


def test_verify_killed_anywhere(shops: Callable[[int], open_shop], mortal: Mortal) -> None:
    for trips in range(MOST_TRIPS):
        with shops(trips) as shop:
            booking = shop.book()
            payment = shop.create(booking).data
            callback = shop.pay(payment, webhook="lost")
            token = shop.token
            done = mortal.live(trips, partial(shop.verify, payment["id"], callback, token=token))
            recover(shop)
            assert agree(shop, booking) == {"net": 12000, "active": True}, trips
        if done:
            assert trips > LEAST_TRIPS, "hardly anything was interrupted"
            return
    pytest.fail("verify never came to its end")


@pytest.mark.slow
def test_webhook_and_settler_killed_anywhere(shops: Callable[[int], open_shop], mortal: Mortal) -> None:
    for trips in range(MOST_TRIPS):
        with shops(trips) as shop:
            booking = shop.book()
            payment = shop.create(booking).data
            shop.pay(payment)

            def arrives(shop: Shop = shop) -> None:
                shop.webhooks()
                shop.background(1)

            done = mortal.live(trips, arrives)
            recover(shop)
            assert agree(shop, booking) == {"net": 12000, "active": True}, trips
        if done:
            assert trips > LEAST_TRIPS, "hardly anything was interrupted"
            return
    pytest.fail("the webhook never came to its end")


@pytest.mark.slow
def test_refund_killed_anywhere(shops: Callable[[int], open_shop], mortal: Mortal) -> None:
    for trips in range(MOST_TRIPS):
        with shops(trips) as shop:
            payment = shop.create(shop.book()).data
            shop.verify(payment["id"], shop.pay(payment))
            recover(shop)
            owner = shop.owner

            again = partial(shop.refund, payment["id"], 5000, key="k")
            done = mortal.live(trips, partial(again, token=owner))
            shop.world.advance(timedelta(seconds=61))
            recover(shop)
            answer = again()
            assert answer.status == 201, (trips, answer.json)
            recover(shop)
            given = shop.payment(payment["id"])["refundedPaise"]
            assert given == 12000 - shop.net_captured() == 5000, trips
            assert shop.count("refunds") == 1, trips
            assert shop.books()["revenue.booking"] == given - 12000
        if done:
            assert trips > LEAST_TRIPS, "hardly anything was interrupted"
            return
    pytest.fail("the refund never came to its end")


@pytest.mark.slow
def test_an_automatic_refund_killed_anywhere(shops: Callable[[int], open_shop], mortal: Mortal) -> None:
    for trips in range(MOST_TRIPS):
        with shops(trips) as shop:
            booking = shop.book()
            payment = shop.create(booking).data
            shop.world.call("bookings", "POST", f"/bookings/{booking}/cancel", shop.token, {})
            shop.pay(payment)

            def arrives(shop: Shop = shop) -> None:
                shop.webhooks()
                shop.background()

            done = mortal.live(trips, arrives)
            recover(shop)
            assert agree(shop, booking) == {"net": 0, "active": False}, trips
            assert shop.payment(payment["id"])["status"] == "refunded"
        if done:
            assert trips > LEAST_TRIPS, "hardly anything was interrupted"
            return
    pytest.fail("the refund never came to its end")
