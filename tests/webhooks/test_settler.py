"""Ten thousand events wait: webhooks are answered all the same, and the settler clears them, each once."""

from __future__ import annotations

import os
import random
import time
from datetime import timedelta
from statistics import quantiles
from typing import Any

import pytest
from studyspot.kit import clock, ids

from local.proofs import hostile
from tests.bookings.scene import next_day
from tests.fulfilment.shop import KEYS, Shop
from tests.world import Answer

PAYMENTS = int(os.environ.get("SETTLER_PAYMENTS", "2000"))
TELLINGS = 5
"""Events of each payment: tried, failed, paid, paid in other words, failed once more."""
BATCH = 10
MOST_MILLIS = 100
A_DAY = 60
"""Quarters of an hour of one seat that are sold in a day."""


def opened(shop: Shop, number: int) -> dict[str, Any]:
    day, slot = divmod(number, A_DAY)
    start = next_day(7, days=1 + day) + slot * timedelta(minutes=15)
    booking = shop.scene.book(shop.token, start=start, hours=0.25).data["id"]
    found: dict[str, Any] = shop.create(str(booking), gateway="razorpay").data
    return found


def events_of(payment: dict[str, Any]) -> list[bytes]:
    amount, order = payment["amountPaise"], payment["gatewayOrderId"]
    paid = f"pay_{payment['id'].replace('-', '')[-14:]}"
    told = (("payment.failed", "failed"), ("payment.authorized", "authorized"), ("payment.captured", "captured"),
            ("order.paid", "captured"), ("payment.failed", "failed"))  # fmt: skip
    return [
        (
            f'{{"event":"{kind}","payload":{{"payment":{{"entity":{{"id":"{paid}","amount":{amount},"currency":"INR",'
            f'"status":"{status}","order_id":"{order}","method":"upi"}}}}}}}}'
        ).encode()
        for kind, status in told
    ]


def tell(shop: Shop, body: bytes) -> Answer:
    sealed, headers = hostile.SIGNERS["razorpay"](KEYS, body, clock.now())
    return shop.world.call("razorpay", "POST", "/payments/webhook/razorpay", None, sealed, kind="webhooks", **headers)


@pytest.mark.slow
def test_ten_thousand_events_are_cleared_and_webhooks_do_not_wait_for_them(shop: Shop) -> None:
    with shop.world.setting(rate_limit_factor="100000"):
        payments = [opened(shop, number) for number in range(PAYMENTS)]
    events = [body for payment in payments for body in events_of(payment)]
    random.Random(7).shuffle(events)
    millis = []
    for body in events:
        began = time.perf_counter()
        assert tell(shop, body).data["status"] == "accepted"
        millis.append((time.perf_counter() - began) * 1000)
    last = millis[-100:]
    print(f"\n{len(events)} webhooks stored; the last hundred, with that many waiting: p95 "
          f"{quantiles(last, n=20)[18]:.1f} ms, most {max(last):.1f} ms")  # fmt: skip
    assert quantiles(last, n=20)[18] < MOST_MILLIS

    waiting = shop.world.outbox(ids.PLATFORM, "payment-settler")
    assert len(waiting) == len(events)
    again = random.Random(8).sample(waiting, len(waiting) // 20)  # queues deliver twice when they like
    began = time.perf_counter()
    for start in range(0, len(waiting), BATCH):
        batch = waiting[start : start + BATCH]
        assert shop.world.deliver("payment_settler", *batch) == {"batchItemFailures": []}
    seconds = time.perf_counter() - began
    print(f"{len(waiting)} events settled in {seconds:.1f} s: {len(waiting) / seconds:.0f} a second, one process")
    for start in range(0, len(again), BATCH):
        shop.world.deliver("payment_settler", *again[start : start + BATCH])

    with shop.world.db(ids.PLATFORM) as core:
        states = core.dicts("SELECT state, count(*) AS n FROM webhook_events GROUP BY state")
    assert {row["state"]: row["n"] for row in states} == {"processed": len(events)}
    assert shop.count("payments", "status = 'captured'") == len(payments)
    assert (shop.count("payment_captures"), shop.receipts()) == (len(payments), len(payments))
    taken = sum(payment["amountPaise"] for payment in payments)
    assert shop.books()["revenue.booking"] == -taken
    with shop.world.db(shop.tenant) as db:
        unlike = db.value(
            "SELECT count(*) FROM payments p JOIN bookings b ON b.id = p.purpose_id WHERE (p.status = 'captured')"
            " <> (b.status = 'confirmed') OR b.payment_id <> p.id"
        )
    assert unlike == 0
