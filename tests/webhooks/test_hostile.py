"""Whatever is posted to a webhook, it takes no money, gives nothing away and is no fault of ours; `make
hostile-webhooks` sends the same over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from studyspot.kit import clock, ids, tally

from local.proofs import hostile
from tests.fulfilment.shop import KEYS, Shop
from tests.world import Answer

RAW = {"content_type": "application/json"}


def fire(shop: Shop, gateway: str, shot: hostile.Shot) -> Answer:
    headers = RAW | shot.headers
    return shop.world.call(
        gateway, "POST", f"/payments/webhook/{gateway}", None, shot.body, kind="webhooks", **headers
    )  # fmt: skip


def opened(shop: Shop, gateway: str, **how: Any) -> dict[str, Any]:
    found: dict[str, Any] = shop.create(shop.book(**how), gateway=gateway).data
    return found


@pytest.mark.parametrize("gateway", hostile.GATEWAYS)
def test_nothing_that_is_posted_takes_money(shop: Shop, gateway: str) -> None:
    own = opened(shop, gateway)
    other = opened(shop, gateway, days=2, hours=4)
    for shot in hostile.shots(KEYS, gateway, own, other, clock.now()):
        answer = fire(shop, gateway, shot)
        assert answer.status in shot.good, (shot.what, answer.status, answer.raw[:200])
        if answer.status >= 400:
            assert answer.json["success"] is False
    shop.background()
    seen = shop.payment(other["id"])
    assert (seen["status"], seen["failure"]) == ("unknown", "amount_mismatch"), "a cheaper order's money buys nothing"
    assert (shop.count("payment_captures"), shop.receipts(), shop.books()) == (0, 0, {})
    with shop.world.db(ids.PLATFORM) as core:
        open_ = core.value("SELECT count(*) FROM webhook_events WHERE state = 'received'")
    assert open_ == 0, "whatever was stored was worked off, ignored or parked"


@pytest.mark.parametrize("gateway", hostile.GATEWAYS)
def test_the_same_event_again_and_again_is_one(shop: Shop, gateway: str) -> None:
    own = opened(shop, gateway)
    body = hostile.TELLERS[gateway](KEYS, own["gatewayOrderId"], hostile.wire(gateway, own["amountPaise"]), "INR")
    sealed, headers = hostile.SIGNERS[gateway](KEYS, body, clock.now())
    shot = hostile.Shot("genuine", sealed, headers, True, (200,))
    told = [fire(shop, gateway, shot).data["status"] for _ in range(5)]
    assert told == ["accepted", *["duplicate"] * 4]
    shop.background()
    assert (shop.payment(own["id"])["status"], shop.count("payment_captures"), shop.receipts()) == ("captured", 1, 1)


def test_a_webhook_costs_as_many_trips_with_ten_thousand_waiting(shop: Shop) -> None:
    """What waits is not looked at: two round trips to store and command, whatever the backlog."""
    own = opened(shop, "stripe")

    def trips() -> int:
        body = json.dumps({"id": f"evt_{ids.uuid7()}", "type": "payment_intent.succeeded", "data": {"object": {
            "object": "payment_intent", "id": own["gatewayOrderId"], "status": "processing"}}}).encode()  # fmt: skip
        sealed, headers = hostile.SIGNERS["stripe"](KEYS, body, clock.now())
        assert fire(shop, "stripe", hostile.Shot("", sealed, headers, True, (200,))).data["status"] == "accepted"
        return int(tally.current.trips)

    trips()
    before = trips()
    with shop.world.db(ids.PLATFORM) as core:
        core.run(
            "INSERT INTO webhook_events (id, vendor, event_id, kind, body, headers, received_at)"
            " SELECT gen_random_uuid(), 'stripe', 'waiting-' || n, 'x', '', '{}', %(now)s"
            " FROM generate_series(1, 10000) n",
            now=clock.now(),
        )
    assert trips() == before <= 2
