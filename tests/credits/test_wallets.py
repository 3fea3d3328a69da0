"""Wallets: nothing is spent twice or below zero, and every credit that was bought is somewhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from studyspot.credits import master, service
from studyspot.credits.models import Allocation, InsufficientCredits, Purchase
from studyspot.kit import cells, clock, ids, timers
from studyspot.kit.connections import Connection
from studyspot.kit.db import Db

from tests.alongside import at_once
from tests.world import Tenant, World, function


def granted(world: World, n: int = service.WELCOME) -> Tenant:
    tenant = world.tenant()
    with world.db(tenant.id) as db:
        service.grant(db, "sms", n, "welcome")
    return tenant


def sms(world: World, tenant: Tenant) -> tuple[int, int, int]:
    with world.db(tenant.id) as db:
        wallet = service.wallet(db)["sms"]
    assert service.drift(tenant.id) == 0
    return wallet.balance, wallet.reserved, wallet.consumed_total


def test_a_grant_arrives_once_however_often_it_is_repeated(world: World) -> None:
    tenant = granted(world)
    with world.db(tenant.id) as db:
        service.grant(db, "sms", service.WELCOME, "welcome")
    assert sms(world, tenant) == (500, 0, 0)


def test_credits_are_put_aside_then_spent_or_given_back_each_once(world: World) -> None:
    tenant = granted(world)
    with world.db(tenant.id) as db:
        for _ in range(2):
            service.reserve(db, "sms", 2, "a")
            service.reserve(db, "sms", 3, "b")
        assert sms(world, tenant) == (495, 5, 0)
        assert (service.commit(db, "a", 1), service.commit(db, "a", 1)) == (True, False)
        assert (service.release(db, "b"), service.release(db, "b"), service.commit(db, "b", 3)) == (True, False, False)
        assert sms(world, tenant) == (499, 0, 1)
        assert (service.credit_back(db, "a"), service.credit_back(db, "a")) == (True, False)
    assert sms(world, tenant) == (500, 0, 0)


def test_too_little_changes_nothing(world: World) -> None:
    tenant = granted(world, 3)
    with world.db(tenant.id) as db, pytest.raises(InsufficientCredits):
        service.reserve(db, "sms", 4, "a")
    with world.db(tenant.id) as db, pytest.raises(InsufficientCredits):
        service.deduct(db, "sms", 4, "a")
    assert sms(world, tenant) == (3, 0, 0)


def test_a_thousand_at_once_take_exactly_the_five_hundred_there_are(world: World) -> None:
    tenant = granted(world)
    place = cells.place_of(tenant.id)

    def take(worker: int) -> list[bool]:
        connection = Connection(place)
        db = Db(connection, tenant.id)
        try:
            return [taken(db, f"{worker}-{n}") for n in range(100)]
        finally:
            connection.pg.close()

    def taken(db: Db, reference: str) -> bool:
        try:
            service.deduct(db, "sms", 1, reference)
        except InsufficientCredits:
            return False
        db.finish()
        return True

    with ThreadPoolExecutor(10) as pool:
        answers = [answer for part in pool.map(take, range(10)) for answer in part]
    assert (answers.count(True), answers.count(False)) == (500, 500)
    assert sms(world, tenant) == (0, 0, 500)


def test_every_credit_bought_is_somewhere(world: World) -> None:
    before = service.conservation()
    assert before.holds
    pooled, siloed = granted(world, 40), world.tenant("silo")
    with world.db(siloed.id) as db:
        service.grant(db, "sms", 60, "welcome")
    with world.db(pooled.id) as db:
        service.reserve(db, "sms", 5, "a")
        service.reserve(db, "sms", 7, "b")
        service.commit(db, "b", 6)
    after = service.conservation()
    assert after.holds
    assert (after.tenants - before.tenants, after.consumed - before.consumed) == (94, 6)


def test_what_a_crash_left_on_its_way_arrives_by_itself_once(world: World) -> None:
    tenant = world.tenant()
    with cells.core_db() as core:
        master.allocate(core, tenant.id, Allocation(quantity=30, kind="grant"), "g")
    assert sms(world, tenant) == (0, 0, 0)
    world.advance(timedelta(minutes=2))
    with world.worker():
        assert service.settle_allocations() >= 1
        assert service.settle_allocations() == 0
    assert sms(world, tenant) == (30, 0, 0)
    assert service.conservation().holds


def test_ten_thousand_at_15_and_25_paise_leave_a_thousand_rupees(world: World) -> None:
    tenant = world.tenant()
    with cells.core_db() as core:
        bought = master.purchase(core, Purchase(credit_type="voice", quantity=10_000, unit_cost_paise=15))
    assert (bought.total_paise, bought.gst_paise) == (150_000, 27_000)
    with cells.core_db() as core, world.db(tenant.id) as db:
        master.hand_over(core, db, Allocation(credit_type="voice", quantity=10_000, unit_price_paise=25), "s")
        (margin,) = master.margins(core, tenant.id)
    assert (margin.cost_paise, margin.revenue_paise, margin.profit_paise) == (150_000, 250_000, 100_000)
    assert (margin.margin_percent, margin.profit_paise * 12) == (40, 1_200_000)


def test_the_database_refuses_a_movement_that_does_not_balance(world: World) -> None:
    tenant = world.tenant()
    with world.db(tenant.id) as db, pytest.raises(psycopg.errors.CheckViolation):
        db.run(
            "INSERT INTO credit_ledger (id, transaction_id, credit_type, kind, account, quantity, reference,"
            " created_at) VALUES (%(id)s, %(id)s, 'sms', 'received', 'balance', 5, 'x', %(now)s)",
            id=ids.uuid7(),
            now=clock.now(),
        )
    with world.db(tenant.id) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.run("UPDATE credit_ledger SET quantity = 0")


# Running low


def told(world: World, tenant: Tenant) -> list[dict[str, Any]]:
    return [m["data"] for m in world.outbox(tenant.id, "wallet.low")]


def letters(world: World, tenant: Tenant) -> list[str]:
    """What the minute's timers have mailed to the owner so far."""
    with world.worker():
        timers.fire_due(function("schedules", "minute").AT_ONCE)
    with world.db(tenant.id) as db:
        rows = db.dicts("SELECT to_address, body FROM communications WHERE template_id = 'wallet_low' ORDER BY id")
    assert {row["to_address"] for row in rows} <= {f"{tenant.slug}@example.org"}
    return [row["body"] for row in rows]


def test_of_many_who_spend_at_once_one_says_that_the_wallet_is_low(world: World) -> None:
    tenant = granted(world, 130)

    def take(db: Db, number: int) -> None:
        (service.deduct if number % 2 else service.reserve)(db, "sms", 3, f"r{number}")

    at_once(tenant.id, take, range(40), clients=10)
    assert sms(world, tenant)[0] == 10
    assert told(world, tenant) == [{"creditType": "sms", "balance": 97, "threshold": 100}]
    (letter,) = letters(world, tenant)
    assert "97 SMS credits left, fewer than 100" in letter
    assert len(letters(world, tenant)) == 1


def test_it_is_said_again_when_it_is_crossed_again_and_mailed_once_a_day(world: World) -> None:
    tenant = granted(world, 101)
    with world.db(tenant.id) as db:
        service.reserve(db, "sms", 1, "a")
        assert told(world, tenant) == []
        service.reserve(db, "sms", 1, "b")
        service.reserve(db, "sms", 1, "b")
        service.reserve(db, "sms", 5, "c")
    assert [event["balance"] for event in told(world, tenant)] == [99]
    with world.db(tenant.id) as db:
        service.release(db, "c")
        service.release(db, "b")
        service.reserve(db, "sms", 10, "d")
    assert [event["balance"] for event in told(world, tenant)] == [99, 90]
    assert len(letters(world, tenant)) == 1
    world.advance(timedelta(days=1))
    with world.db(tenant.id) as db:
        service.release(db, "d")
        service.deduct(db, "sms", 11, "e")
    assert ["89 SMS" in letter for letter in letters(world, tenant)] == [False, True]


def test_what_is_rolled_back_was_never_said(world: World) -> None:
    tenant = granted(world, 100)
    with pytest.raises(KeyboardInterrupt), world.db(tenant.id) as db, db.transaction():
        service.deduct(db, "sms", 1, "a")
        raise KeyboardInterrupt
    assert (sms(world, tenant), told(world, tenant), letters(world, tenant)) == ((100, 0, 0), [], [])


def test_too_little_after_other_work_of_the_same_transaction_leaves_that_work(world: World) -> None:
    tenant = granted(world, 3)
    with world.db(tenant.id) as db, db.transaction():
        service.deduct(db, "sms", 1, "a")
        with pytest.raises(InsufficientCredits):
            service.deduct(db, "sms", 5, "b")
    assert sms(world, tenant) == (2, 0, 1)


# Over HTTP


def test_a_student_sees_no_wallet_and_an_owner_buys_nothing_for_nothing(world: World) -> None:
    tenant = world.tenant()
    student = world.token("student", tenant.id)
    assert world.call("credits", "GET", "/credits/wallet").status == 401
    assert world.call("credits", "GET", "/credits/wallet", student).code == "forbidden"
    assert world.call("credits", "GET", "/credits/transactions", student).code == "forbidden"
    for path in ("purchase", "allocate"):
        assert world.call("credits", "POST", f"/admin/credits/{path}", tenant.owner, {"x": 1}).code == "forbidden"
    for path in ("wallet", "margins"):
        assert world.call("credits", "GET", f"/admin/credits/{path}", tenant.owner).code == "forbidden"


def test_an_owner_reads_the_wallet_and_its_ledger(world: World) -> None:
    tenant = granted(world)
    wallet = world.call("credits", "GET", "/credits/wallet", tenant.owner).data
    assert (wallet["sms"]["balance"], wallet["sms"]["reserved"]) == (500, 0)
    assert world.call("credits", "GET", "/credits/wallet/sms", tenant.owner).data["balance"] == 500
    assert world.call("credits", "GET", "/credits/wallet/voice", tenant.owner).code == "not_found"
    assert world.call("credits", "GET", "/credits/wallet/gold", tenant.owner).code == "not_found"
    legs = world.call("credits", "GET", "/credits/transactions", tenant.owner).data
    assert sorted((leg["account"], leg["quantity"]) for leg in legs) == [("balance", 500), ("platform", -500)]


def test_the_operator_buys_and_hands_on_once_for_a_key(world: World) -> None:
    tenant, admin = world.tenant(), world.admin()
    body = {"creditType": "whatsapp", "quantity": 100, "unitCostPaise": 15, "vendor": f"vendor {uuid4()}"}
    assert world.call("credits", "POST", "/admin/credits/purchase", admin, body).code == "bad_request"
    assert (
        world.call("credits", "POST", "/admin/credits/purchase", admin, body, idempotency_key=str(uuid4())).status
        == 201
    )
    sale = {"creditType": "whatsapp", "quantity": 40, "unitPricePaise": 25}
    call = ("credits", "POST", "/admin/credits/allocate", admin, sale)
    key, named = str(uuid4()), {"x_tenant_id": str(tenant.id)}
    assert world.call(*call, idempotency_key=key).code == "bad_request"
    first = world.call(*call, idempotency_key=key, **named)
    again = world.call(*call, idempotency_key=key, **named)
    assert (first.status, again.raw) == (201, first.raw)
    assert first.data["arrivedAt"]
    assert world.call("credits", "GET", "/credits/wallet/whatsapp", tenant.owner).data["balance"] == 40
    sale["quantity"] = 10_000_000
    assert world.call(*call, idempotency_key=str(uuid4()), **named).code == "master_insufficient"
    masters = world.call("credits", "GET", "/admin/credits/wallet", admin).data
    assert any(w["creditType"] == "whatsapp" and w["available"] >= 60 for w in masters)
    assert (
        world.call("credits", "GET", f"/admin/credits/margins?tenant={tenant.id}", admin).data[0]["profitPaise"] == 400
    )
