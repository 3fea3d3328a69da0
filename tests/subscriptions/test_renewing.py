"""A subscription is paid for once a period, in order, whatever fails and however long nobody looks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from studyspot.kit import cells, clock, ids, timers
from studyspot.kit.clock import INDIA
from studyspot.subscriptions import service

from tests.fulfilment.shop import Shop
from tests.tenants.machine import Machine
from tests.world import Answer, function


def consecutive(numbers: list[str]) -> bool:
    """Without gap within a financial year; the first of April begins a series anew (`SS/26-27/000001`)."""
    for one, following in pairwise(numbers):
        (year, last), (next_year, this) = (n.removeprefix("SS/").split("/") for n in (one, following))
        if int(this) != (int(last) + 1 if year == next_year else 1):
            return False
    return True


class Billing:
    """An owner's subscription and everything that moves it, driven by hand."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.world = shop, shop.world
        with cells.core_db() as core:
            service.seed_plans(core)

    @property
    def owner(self) -> str:
        """Months pass here: signed in anew."""
        return self.world.token("library_owner", self.shop.tenant, self.shop.scene.tenant.owner_id)

    def subscribe(self, plan: str = "starter", key: str = "s1") -> Answer:
        return self.world.call(
            "subscriptions",
            "POST",
            "/subscriptions/subscribe",
            self.shop.owner,
            {"planCode": plan},
            idempotency_key=key,
        )

    def current(self) -> dict[str, Any]:
        return self.world.call("subscriptions", "GET", "/subscriptions/current", self.owner).data

    def approve(self, order_id: str) -> None:
        self.shop.simulators.pay(order_id, "success")
        self.deliver()

    def deliver(self) -> None:
        self.shop.webhooks()
        self.shop.background()
        self.machines()
        self.shop.background()

    def machines(self) -> None:
        for message in self.world.outbox(ids.PLATFORM, "subscription_renewal"):
            with self.world.worker():
                Machine("subscription_renewal", function("steps", "renewal").handler).run(message)

    def day(self) -> None:
        """What the daily schedule does."""
        with self.world.worker():
            function("schedules", "daily").handler({"time": clock.now().isoformat()}, None)
        self.deliver()

    def live(self, until: datetime, every: timedelta = timedelta(days=2)) -> None:
        """The clock runs: timers fire when due, the daily schedule in between."""
        while clock.now() < until:
            tick = min(until, clock.now() + every)
            while True:
                with self.world.worker():
                    due = timers.next_due()
                if due is None or due > tick:
                    break
                self.world.advance_to(due + timedelta(milliseconds=5))
                self.shop.fire()
                self.deliver()
            self.world.advance_to(tick)
            self.day()

    def periods(self) -> list[tuple[datetime, datetime, str]]:
        with cells.core_db() as core:
            rows = core.dicts(
                "SELECT p.starts_at, p.ends_at, p.status FROM subscription_periods p"
                " JOIN subscriptions s ON s.id = p.subscription_id"
                " WHERE s.customer_id = %(c)s AND s.status <> 'cancelled' ORDER BY p.period_index",
                c=self.shop.tenant,
            )
        return [(r["starts_at"], r["ends_at"], r["status"]) for r in rows]


@pytest.fixture
def billing(shop: Shop) -> Iterator[Billing]:
    """Tenant zero is shared by all tests, its subscriptions' vendor is this test's own: nothing of them stays."""
    yield Billing(shop)
    with cells.core_db() as core, core.transaction():
        core.run("UPDATE subscriptions SET status = 'cancelled' WHERE status <> 'cancelled'")
        core.run("DELETE FROM timers")
        core.run("UPDATE outbox SET done_at = %(now)s WHERE done_at IS NULL", now=clock.now())


def test_students_staff_and_strangers_may_not_subscribe(billing: Billing) -> None:
    shop = billing.shop
    for token in (shop.token, billing.world.token("library_staff", shop.tenant), None):
        answer = billing.world.call(
            "subscriptions", "POST", "/subscriptions/subscribe", token, {"planCode": "x"}, idempotency_key="k"
        )
        assert answer.status in (401, 403)
    assert billing.subscribe("trial").code == "plan_inactive"
    assert billing.subscribe("none", "s2").code == "plan_inactive"


def test_approval_makes_it_active_with_one_invoice(billing: Billing) -> None:
    made = billing.subscribe()
    assert made.status == 201, made.json
    assert (made.data["status"], made.data["mandate"]["status"]) == ("incomplete", "created")
    assert (
        billing.subscribe("starter", "again").data["mandate"]["gatewayOrderId"]
        == made.data["mandate"]["gatewayOrderId"]
    )
    billing.approve(made.data["mandate"]["gatewayOrderId"])
    current = billing.current()
    assert (current["status"], current["planCode"], len(current["invoices"])) == ("active", "starter", 1)
    invoice = current["invoices"][0]
    assert (invoice["totalPaise"], invoice["status"]) == (99900 + 17982, "paid")
    assert len(invoice["number"]) <= 16
    assert billing.subscribe("growth", "more").code == "already_subscribed"


def test_three_months_bill_each_period_once_also_over_a_skipped_week(billing: Billing) -> None:
    billing.approve(billing.subscribe().data["mandate"]["gatewayOrderId"])
    begun = clock.now()
    billing.live(begun + timedelta(days=40))
    billing.world.advance(timedelta(days=24))  # an outage over the second renewal
    billing.live(begun + timedelta(days=100))
    current = billing.current()
    starts = [(i["periodStart"], i["periodEnd"]) for i in current["invoices"]]
    assert len(starts) == len(set(starts)) == 4
    assert all(one[1] == following[0] for one, following in pairwise(starts))
    assert [p[2] for p in billing.periods()] == ["paid"] * 4
    assert consecutive([i["number"] for i in current["invoices"]])
    assert len({i["paymentId"] for i in current["invoices"]}) == 4


def test_every_debit_had_its_notice_a_day_ahead_and_its_window(billing: Billing) -> None:
    billing.approve(billing.subscribe().data["mandate"]["gatewayOrderId"])
    billing.live(clock.now() + timedelta(days=34))
    with cells.core_db() as core:
        (row,) = core.dicts(
            "SELECT noticed_at, debit_at FROM subscription_periods p JOIN subscriptions s ON s.id = p.subscription_id"
            " WHERE s.customer_id = %(c)s AND p.period_index = 1",
            c=billing.shop.tenant,
        )
    assert row["debit_at"] - row["noticed_at"] >= timedelta(hours=24)
    local = row["debit_at"].astimezone(INDIA)
    assert not 10 <= local.hour < 13 and not 17 <= local.hour < 21


def test_a_lost_webhook_is_found_by_looking(billing: Billing) -> None:
    billing.approve(billing.subscribe().data["mandate"]["gatewayOrderId"])
    begun = clock.now()
    deliver = billing.shop.webhooks
    billing.shop.webhooks = lambda: None  # type: ignore[method-assign]
    billing.live(begun + timedelta(days=35))
    billing.shop.webhooks = deliver  # type: ignore[method-assign]
    assert len(billing.current()["invoices"]) == 2


def test_a_declined_debit_is_tried_again_with_a_notice_of_its_own_and_no_more_than_the_law_allows(
    billing: Billing,
) -> None:
    billing.approve(billing.subscribe().data["mandate"]["gatewayOrderId"])
    begun = clock.now()
    billing.shop.fault("razorpay", "reject", "debit", times=2)
    billing.live(begun + timedelta(days=45))
    current = billing.current()
    assert (current["status"], len(current["invoices"])) == ("active", 2)
    billing.shop.fault("razorpay", "reject", "debit", times=50)
    billing.live(begun + timedelta(days=90))
    assert (billing.current()["status"], len(billing.current()["invoices"])) == ("past_due", 2)
    with cells.core_db() as core:
        attempts = core.value(
            "SELECT max(attempts) FROM subscription_periods p JOIN subscriptions s ON s.id = p.subscription_id"
            " WHERE s.customer_id = %(c)s AND p.period_index = 2",
            c=billing.shop.tenant,
        )
    assert attempts == 4
