"""Whatever happens at the desk, in whatever order and wherever it dies: what is paid, booked and receipted agree."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from studyspot.kit import ids
from studyspot.settlements import verifying

from tests.desk.till import PRICE, Till
from tests.fulfilment.test_kills import Mortal, mortal
from tests.world import Answer, World

__all__ = ["mortal"]
MEMBERS, STEPS = 4, 60
STRIDES = pytest.mark.parametrize("stride", [pytest.param(1, marks=pytest.mark.slow), 7])
"""Before every trip, or before every seventh."""
LEAST_TRIPS = 10
BY_PAYMENT = """
    SELECT coalesce(sum(c.amount_paise), 0) - coalesce((SELECT sum(amount_paise) FROM refunds
                                                        WHERE status = 'succeeded'), 0)
    FROM payment_captures c"""
CREDIT = "SELECT coalesce(sum(amount_paise), 0) FROM member_accounts WHERE account = 'credit'"
PAID_TWICE = """
    SELECT count(*) FROM (SELECT 1 FROM payments WHERE activated_at IS NOT NULL
                          GROUP BY purpose, purpose_id HAVING count(*) > 1) x"""
DISAGREE = """
    SELECT count(*) FROM membership_dues d WHERE (d.status = 'paid') <> EXISTS (
        SELECT FROM payments p WHERE p.id = d.payment_id AND p.activated_at IS NOT NULL)"""
UNRECEIPTED = """
    SELECT count(*) FROM payments p WHERE p.activated_at IS NOT NULL
        AND NOT EXISTS (SELECT FROM receipts r WHERE r.payment_id = p.id)"""


def agree(till: Till) -> dict[str, int]:
    """The books, after holding them against the payments, the dues, the receipts and the reports."""
    books = till.books()
    held = books.get("asset.cash", 0) + books.get("asset.bank", 0) + books.get("liability.member_credit", 0)
    assert held == till.sql(BY_PAYMENT)
    assert -books.get("liability.member_credit", 0) == till.sql(CREDIT)
    with till.world.db(till.tenant) as db:
        assert verifying.of_tenant(db).faults == []
    assert (till.sql(PAID_TWICE), till.sql(DISAGREE), till.sql(UNRECEIPTED)) == (0, 0, 0)
    report, ledger = till.collections()
    assert report == ledger == held
    assert till.day()["expectedPaise"] == books.get("asset.cash", 0)
    assert till.count("receipts") == till.sql(
        "SELECT coalesce(sum(last), 0) FROM invoice_sequences WHERE series = 'RC'"
    )
    return books


@pytest.mark.parametrize("seed", range(2))
def test_any_order_of_what_a_desk_does(world: World, seed: int) -> None:
    rng, till = random.Random(seed), Till(world, depositPaise=20_000)
    till.policies(upiAddress="silent@okbank")
    due = PRICE + 20_000
    dues = [till.join(None)[1]["id"] for _ in range(MEMBERS)]
    rrns = [f"4{n:011}" for n in range(6)]
    seen: dict[str, int] = {}

    def payments(where: str) -> list[Any]:
        with world.db(till.tenant) as db:
            return [row["id"] for row in db.dicts(f"SELECT id FROM payments WHERE {where} ORDER BY id")]

    def refund() -> Answer | None:
        found = payments("status IN ('captured','partially_refunded')")
        body = {"reason": "x", "amountPaise": rng.choice((1, 5_000, due)), "to": rng.choice(("source", "credit"))}
        body |= {"effects": rng.choice(("keep", "undo"))}
        path = f"/payments/{rng.choice(found)}/refund" if found else ""
        return till.ask("payments", "POST", path, body, idempotency_key=str(ids.uuid7())) if found else None

    def void() -> Answer | None:
        found = payments("true")
        return till.void(rng.choice(found)) if found else None

    def decide() -> Answer | None:
        found = till.claims()
        how = {"reason": "no"} if rng.random() < 0.4 else {}
        return till.decide(rng.choice(found)["id"], "refuse" if how else "approve", **how) if found else None

    actions = {
        "cash": lambda: till.take(rng.choice(dues)),
        "bank": lambda: till.take(rng.choice(dues), "bank", reference=rng.choice(rrns)),
        "upi": lambda: till.upi(rng.choice(dues)),
        "claim": lambda: till.claim(rng.choice(dues), rng.choice(rrns), amountPaise=due),
        "decide": decide,
        "void": void,
        "refund": refund,
        "bill": lambda: till.bill(rng.choice(dues)),
        "statement": lambda: till.statement((rng.choice(rrns), due)),
    }
    for _ in range(STEPS):
        name = rng.choice(list(actions))
        answer = actions[name]()
        if answer is not None:
            assert answer.status < 500, (name, answer.json)
            seen[name] = seen.get(name, 0) + (answer.status < 300)
    agree(till)
    assert all(seen.get(name) for name in ("cash", "claim", "void")), seen


def test_a_void_that_was_never_booked_is_found(world: World) -> None:
    till = Till(world)
    _, due = till.join()
    taken = till.take(due["id"]).data["id"]
    with world.db(till.tenant) as db:
        db.run(
            "INSERT INTO refunds (id, payment_id, capture_id, amount_paise, status, kind, reason, gateway, reference,"
            " created_at, updated_at, succeeded_at) SELECT payment_id, payment_id, id, amount_paise, 'succeeded',"
            " 'void', 'x', gateway, 'x', created_at, created_at, created_at FROM payment_captures"
        )
    with world.db(till.tenant) as db:
        (fault,) = verifying.of_tenant(db).faults
    assert (fault.what, fault.reference, fault.expected_paise, fault.found_paise) == ("void", taken, -PRICE, 0)


@STRIDES
def test_taking_and_voiding_killed_anywhere(world: World, mortal: Mortal, stride: int) -> None:
    """Each story with its n-th trip to the database not sent; asked again it ends as if nothing had happened."""
    till, n, times = Till(world), 0, 0
    while True:
        _, due = till.join(None)
        token = till.owner
        done = mortal.live(n, partial(till.take, due["id"], token=token, key=f"take{n}"))
        world.advance(timedelta(seconds=61))
        taken = till.take(due["id"], token=token, key=f"take{n}")
        assert taken.status == 201, (n, taken.json)
        path = f"/payments/offline/{taken.data['id']}/void"
        ask = partial(till.ask, "payments", "POST", path, {"reason": "a slip"}, token, idempotency_key=f"void{n}")
        done = mortal.live(n, ask) and done
        world.advance(timedelta(seconds=61))
        assert ask().status == 200, n
        assert till.books() == {}, n
        n, times = n + stride, times + 1
        if done:
            break
    assert n > LEAST_TRIPS
    assert till.count("payments") == times == till.count("refunds")
    agree(till)


@STRIDES
def test_a_decision_killed_anywhere(world: World, mortal: Mortal, stride: int) -> None:
    till, n, times = Till(world), 0, 0
    while True:
        _, due = till.join(None)
        token, rrn = till.owner, f"4{n:011}"
        done = mortal.live(n, partial(till.claim, due["id"], rrn, token))
        made = till.claim(due["id"], rrn, token)
        assert made.status == 201 or made.code in ("utr_used", "payment_in_progress"), (n, made.json)
        (claim,) = till.claims()
        done = mortal.live(n, partial(till.decide, claim["id"], token=token)) and done
        assert till.decide(claim["id"], token=token).status in (200, 409), n
        n, times = n + stride, times + 1
        if done:
            break
    assert n > LEAST_TRIPS
    assert till.claims() == []
    assert agree(till)["asset.bank"] == times * PRICE
