"""Two real connections, every order of their statements: what locks and constraints are for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from studyspot.fulfilment import recovery
from studyspot.fulfilment import service as fulfilment
from studyspot.kit import cells
from studyspot.kit.connections import Connection, Place
from studyspot.kit.errors import Problem
from studyspot.payments import queries, service

from tests.fulfilment.shop import Mount, Shop, open_shop
from tests.model import invariants, reading
from tests.model.operations import Operations, Work
from tests.model.sandbox import Sandbox
from tests.model.statements import Walk, Walker, orders, pacing
from tests.world import World


class Looking:
    """Reads what is committed, whoever may see it."""

    def __init__(self, owner: psycopg.Connection[Any]) -> None:
        self.owner = owner

    def ask_as_owner(self, query: str, params: Any) -> Any:
        row = self.owner.execute(query, params).fetchone()
        assert row
        return row[0]


@dataclass
class Pair:
    """Two pieces of work with what led to them."""

    shop: Shop
    operations: Operations
    payment: dict[str, Any]
    callback: dict[str, Any]

    def webhook(self) -> Work:
        """A stored event of the capture, to be processed."""
        with cells.core_db() as core:
            stored = core.dicts(
                "SELECT id FROM webhook_events WHERE kind = 'payment.captured' ORDER BY id DESC LIMIT 1"
            )
        event: UUID = stored[0]["id"]

        def work() -> Any:
            with cells.core_db() as core:
                return fulfilment.process(core, event)

        return work

    def verify(self) -> Work:
        return self.operations.verify(self.payment["gatewayOrderId"], self.callback)

    def refund(self, size: str, number: int) -> Work:
        return self.operations.refund(size, self.payment["id"], number)

    def expire(self) -> Work:
        return lambda: recovery.expire(
            {"subject": self.payment["id"], "tenantId": str(self.shop.tenant), "answered": True}
        )

    def cancel(self) -> Work:
        return self.operations.cancel(self.payment["id"])


def paid(shop: Shop, sandbox: Sandbox) -> Pair:
    """Ordered and paid; the webhook is stored and waits."""
    booking = shop.book()
    payment = shop.create(booking).data
    callback = shop.pay(payment)
    shop.webhooks()
    return Pair(shop, Operations(shop, UUID(booking)), payment, callback)


def captured(shop: Shop, sandbox: Sandbox) -> Pair:
    pair = paid(shop, sandbox)
    shop.background()
    return pair


def overdue(shop: Shop, sandbox: Sandbox) -> Pair:
    pair = paid(shop, sandbox)
    sandbox.moment += timedelta(minutes=16)
    return pair


Start = Callable[[Shop, Sandbox], Pair]
Pick = Callable[[Pair], Work]
PAIRS: dict[str, tuple[Start, Pick, str, Pick, str]] = {
    "verify x webhook": (paid, Pair.verify, "app", Pair.webhook, "worker"),
    "verify x verify": (paid, Pair.verify, "app", Pair.verify, "app"),
    "webhook x webhook": (paid, Pair.webhook, "worker", Pair.webhook, "worker"),
    "refund x refund": (
        captured, lambda p: p.refund("refund_part", 1), "app", lambda p: p.refund("refund_part", 2), "app",
    ),
    "refund x whole refund": (
        captured, lambda p: p.refund("refund_part", 1), "app", lambda p: p.refund("refund_all", 1), "app",
    ),
    "the same refund twice": (
        captured, lambda p: p.refund("refund_part", 1), "app", lambda p: p.refund("refund_part", 1), "app",
    ),
    "expiry x webhook": (overdue, Pair.expire, "worker", Pair.webhook, "worker"),
    "expiry x verify": (overdue, Pair.expire, "worker", Pair.verify, "app"),
    "cancel x webhook": (paid, Pair.cancel, "app", Pair.webhook, "worker"),
}  # fmt: skip
Race = Callable[[str, int], tuple[int, int, int]]


@pytest.fixture
def race(
    world: World, gateways_listener: tuple[Mount, str], tmp_path: Path, no_cloud: None, sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Race]:  # fmt: skip
    pacing(monkeypatch, sandbox)
    owners = {name: psycopg.connect(world.postgres.dsn(name), autocommit=True) for name in ("studyspot", "pool_1")}
    looking: Any = type("Looks", (), {"databases": {name: Looking(conn) for name, conn in owners.items()}})
    place = cells.core_place()
    places = [Place(place.host, place.port, name) for name in owners]
    own: dict[str, list[dict[str, Connection]]] = {"app": [{p.dbname: Connection(p) for p in places} for _ in range(2)]}
    with world.worker():
        own["worker"] = [{p.dbname: Connection(p) for p in places} for _ in range(2)]
    started = sandbox.moment

    def walk(name: str, prefix: Sequence[int]) -> Walk:
        start, first, first_role, second, second_role = PAIRS[name]
        sandbox.moment = started
        with open_shop(world, *gateways_listener, tmp_path / str(sandbox.serial)) as shop:
            sandbox.serve = shop.simulators.front
            pair = start(shop, sandbox)
            works = [(first(pair), own[first_role][0]), (second(pair), own[second_role][1])]
            walkers = [Walker(f"{name} {n}", work, place) for n, (work, place) in enumerate(works)]
            walked = Walk(walkers, owners["studyspot"]).through(prefix)
            judge(shop, pair, walked, looking, sandbox)
        return walked

    def race(name: str, most_preemptions: int) -> tuple[int, int, int]:
        walked = list(orders(partial(walk, name), most_preemptions))
        steps = max(len(each.trace) for each in walked)
        return len(walked), steps, sum(each.waited > 0 for each in walked)

    yield race
    for each in (*own["app"], *own["worker"]):
        for connection in each.values():
            connection.pg.close()
    for conn in owners.values():
        conn.close()


def judge(shop: Shop, pair: Pair, walked: Walk, looking: Any, sandbox: Sandbox) -> None:
    """Whatever the order: no error but a refusal, the invariants, and the same end when the rest is worked off."""
    order = "".join(str(each[1]) for each in walked.trace)
    for walker in walked.walkers:
        assert walker.error is None or isinstance(walker.error, Problem), (order, walker.name, repr(walker.error))
    booking = pair.operations.booking
    found = invariants.always(reading.facts(looking, shop, booking))
    assert found == [], (order, found)
    shop.webhooks()
    shop.background()
    facts = reading.facts(looking, shop, booking)
    found = [*invariants.always(facts), *invariants.at_rest(facts)]
    assert found == [], (order, found)


PREEMPTIONS = int(os.environ.get("PREEMPTIONS", "1"))
"""How often somebody who could go on may be kept waiting; two take about ten times as long as one."""
AT_ONCE = "the same refund twice"
"""Whoever comes second under the same key is told so, and waits for nobody."""
SHORT = ("verify x webhook",)


@pytest.mark.parametrize("name", SHORT)
def test_two_at_a_time_end_as_one_after_the_other(race: Race, name: str) -> None:
    walked, steps, _ = race(name, 0)
    assert walked >= 2
    assert steps > 8


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_every_order_of_two_ends_alike(race: Race, name: str) -> None:
    walked, steps, waited = race(name, PREEMPTIONS)
    print(
        f"\n{name}: {walked:,} orders, each with up to {PREEMPTIONS} preemptions, of at most {steps} statements and "
        f"calls; in {waited:,} somebody waited"
    )
    assert walked > 10
    assert waited or name == AT_ONCE, "nobody ever waited for a lock"


@pytest.mark.slow
def test_without_its_lock_a_payment_is_settled_twice(race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that cannot fail proves nothing."""
    real = queries.find
    monkeypatch.setattr(queries, "find", lambda db, payment_id, lock=False: real(db, payment_id))
    monkeypatch.setattr(queries, "lock_payable_of", lambda *_: None)
    assert service.queries is queries
    with pytest.raises(AssertionError):
        race("refund x whole refund", 1)
