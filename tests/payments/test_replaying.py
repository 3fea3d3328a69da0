"""Past payments decided again come out as they were; what was saved is what anybody can add up again."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.kit import clock, ids
from studyspot.kit.clock import INDIA
from studyspot.payments import queries, routing
from studyspot.payments.models import Inputs, Routing, Rules, Terms

from tests.fulfilment.shop import Shop
from tests.world import World

FOUNDING = frozenset({"razorpay", "cashfree"})
SAVINGS, SIMULATE = "/payments/routing/savings", "/payments/routing/simulate"
PAYMENT = """
    INSERT INTO payments (id, purpose, purpose_id, amount_paise, description, gateway, gateway_order_id, status,
                          captured_paise, captured_at, activated_at, expires_at, created_at, updated_at)
    VALUES (%(id)s, 'dues', %(id)s, %(amount)s, 'of a test', %(gateway)s, %(order)s, 'captured', %(amount)s, %(at)s,
            %(at)s, %(at)s, %(at)s, %(at)s)"""
CAPTURE = """
    INSERT INTO payment_captures (id, payment_id, gateway, gateway_order_id, gateway_payment_id, amount_paise,
                                  fee_paise, tax_paise, fee_known, surplus, captured_at, created_at)
    VALUES (%(id)s, %(payment)s, %(gateway)s, %(order)s, %(order)s, %(amount)s, %(total)s, %(gst)s, %(known)s, false,
            %(at)s, %(at)s)"""


def paid(
    shop: Shop, amounts: list[int], at: datetime | None = None, seed: int = 1, **inputs: Any
) -> None:  # fmt: skip
    """Payments as the product writes them, a thousand at a time: decided by the router, captured, their fee known."""
    chance = random.Random(seed)
    with shop.world.db(shop.tenant) as db, db.transaction():
        terms = queries.terms(db)
        for amount in amounts:
            when = at or clock.now()
            payment = ids.uuid7()
            facts = {
                "at": when, "amount_paise": amount, "configured": sorted(FOUNDING), "terms": terms,
                "bucket": routing.bucket_of(payment),
            }  # fmt: skip
            decision, turns = routing.decide(Inputs(**facts | inputs))
            row = {"id": payment, "amount": amount, "gateway": turns[0], "order": f"o_{payment.hex}", "at": when}
            db.later(PAYMENT, **row)
            _attempt(db, row, decision)
            _capture(db, row, decision, chance)


def _attempt(db: Any, row: dict[str, Any], decision: Routing) -> None:
    assert decision.inputs
    kept = decision.inputs.model_dump_json(by_alias=False, exclude_defaults=True)
    db.later(
        """INSERT INTO payment_attempts (id, payment_id, gateway, reference, gateway_order_id, state, cost_paise,
                                         decision, inputs, created_at, updated_at)
           VALUES (%(attempt)s, %(id)s, %(gateway)s, %(order)s, %(order)s, 'ordered', %(cost)s, %(decision)s::jsonb,
                   %(inputs)s::jsonb, %(at)s, %(at)s)""",
        attempt=ids.uuid7(), cost=decision.total_paise, inputs=kept,
        decision=decision.model_dump_json(by_alias=False), **row,
    )  # fmt: skip


def _capture(db: Any, row: dict[str, Any], decision: Routing, chance: random.Random) -> None:
    off = chance.choice([0, 0, 7]) if row["amount"] % 2 else 0
    facts = {k: row[k] for k in ("gateway", "order", "amount", "at")}
    db.later(
        CAPTURE, id=ids.uuid7(), payment=row["id"], total=decision.total_paise + off, gst=decision.gst_paise,
        known=bool(off), **facts,
    )  # fmt: skip


def simulate(shop: Shop, **asked: Any) -> dict[str, Any]:
    answer: dict[str, Any] = shop.world.call("routing", "POST", SIMULATE, shop.owner, asked).data
    return answer


def savings(shop: Shop, query: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = shop.world.call("routing", "GET", SAVINGS + query, shop.owner).data
    return answer


def at_random(shop: Shop) -> None:
    """Six hundred payments over three months, under every mode, with one gateway failing now and then."""
    chance = random.Random(11)
    modes = [
        Rules(), Rules(mode="success_rate", exploration_percent=20), Rules(mode="priority", order=["razorpay"]),
        Rules(mode="volume_split", split={"razorpay": 40, "cashfree": 60}),
    ]  # fmt: skip
    for n in range(60):
        amounts = [chance.randrange(100, 200_000) for _ in range(10)]
        at = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(days=chance.randrange(91), hours=chance.randrange(24))
        configured = chance.choice([["cashfree", "razorpay"]] * 3 + [["razorpay"], ["cashfree", "razorpay", "stripe"]])
        pinned = chance.choice(["auto"] * 5 + ["razorpay"])
        paid(shop, amounts, at, n, configured=configured, pinned=pinned, rules=chance.choice(modes))


@pytest.mark.parametrize(("method", "path"), [("POST", SIMULATE), ("GET", SAVINGS)])
def test_it_is_for_owners(shop: Shop, method: str, path: str) -> None:
    body = {} if method == "POST" else None
    for token in (shop.token, shop.world.token("library_staff", shop.tenant)):
        assert shop.world.call("routing", method, path, token, body).status == 403
    assert shop.world.call("routing", method, path, None, body).status == 401


def test_a_thousand_payments_saved_1_800_rupees_and_the_answer_says_so(shop: Shop) -> None:
    paid(shop, [120_000] * 600 + [7_500] * 400)
    told = savings(shop)
    (month,) = told["months"]
    assert (month["month"], month["payments"], month["routed"]["feePaise"]) == ("2026-12", 1_000, 13_200_00)
    against = {a["gateway"]: a for a in month["against"]}
    assert (against["razorpay"]["alone"]["feePaise"], against["razorpay"]["payments"]) == (15_000_00, 1_000)
    assert (against["razorpay"]["savedPaise"], against["razorpay"]["savedPercent"]) == (212_400, 12.0)
    assert against["cashfree"]["alone"]["feePaise"] == 600 * 2_100 + 400 * 413
    assert (against["stripe"]["payments"], against["stripe"]["unable"]) == (0, 1_000)
    assert told["total"]["against"] == month["against"]


def test_savings_are_what_brute_force_adds_up_from_the_rows(shop: Shop) -> None:
    at_random(shop)
    told = savings(shop)
    with shop.world.db(shop.tenant) as db:
        rows = db.dicts(
            "SELECT c.captured_at, c.fee_paise, c.tax_paise, a.decision FROM payment_captures c"
            " JOIN payment_attempts a USING (payment_id)"
        )
    alone: dict[tuple[str, str], int] = defaultdict(int)
    routed: dict[tuple[str, str], int] = defaultdict(int)
    count: dict[tuple[str, str], int] = defaultdict(int)
    pinned: dict[str, int] = defaultdict(int)
    for row in rows:
        month = row["captured_at"].astimezone(INDIA).strftime("%Y-%m")
        if row["decision"]["reason"] == "pinned":
            pinned[month] += 1
            continue
        for candidate in row["decision"]["candidates"]:
            if candidate["eligible"]:
                key = month, candidate["gateway"]
                alone[key] += candidate["fee_paise"] + candidate["gst_paise"]
                routed[key] += row["fee_paise"]
                count[key] += 1
    seen = {(m["month"], a["gateway"]): a for m in told["months"] for a in m["against"] if a["payments"]}
    assert {k: a["alone"]["totalPaise"] for k, a in seen.items()} == alone
    assert {k: a["routed"]["totalPaise"] for k, a in seen.items()} == routed
    assert {k: a["payments"] for k, a in seen.items()} == count
    assert {k: a["savedPaise"] for k, a in seen.items()} == {k: alone[k] - routed[k] for k in alone}
    assert {m["month"]: m["pinned"] for m in told["months"] if m["pinned"]} == pinned
    assert sum(m["payments"] + m["pinned"] for m in told["months"]) == len(rows) == 600
    assert len(told["months"]) >= 3


def test_every_past_decision_comes_out_again_as_it_was(shop: Shop) -> None:
    at_random(shop)
    told = simulate(shop, fromDate="2026-09-01", untilDate="2026-12-02")
    assert (told["payments"], told["replayed"], told["reproduced"], told["changes"]) == (600, 600, 600, 0)
    assert (told["differencePaise"], told["notReplayable"], told["changed"]) == (0, 0, [])
    assert told["was"] == told["wouldBe"]


def test_other_prices_and_rules_say_which_payments_would_have_moved_and_what_it_costs(shop: Shop) -> None:
    paid(shop, [120_000] * 6 + [7_500] * 4)
    cheaper = simulate(shop, fees=[{"gateway": "razorpay", "basisPoints": 100}])
    assert (cheaper["wouldBeAt"], cheaper["wasAt"]) == ({"razorpay": 10}, {"cashfree": 6, "razorpay": 4})
    assert (cheaper["was"]["feePaise"], cheaper["wouldBe"]["feePaise"]) == (6 * 2_100 + 4 * 150, 6 * 1_200 + 4 * 75)
    assert cheaper["changes"] == 10
    moved = [c for c in cheaper["changed"] if c["was"] != c["wouldBe"]]
    assert {(c["amountPaise"], c["wasPaise"], c["wouldBePaise"], c["reason"]) for c in moved} == {
        (120_000, 2_478, 1_416, "lowest_cost")
    }
    dearer = simulate(shop, rules={"mode": "priority", "order": ["razorpay"]})
    assert (dearer["differencePaise"], dearer["changes"]) == (6 * (2_832 - 2_478), 6)
    by_card = simulate(shop, fees=[{"gateway": "razorpay", "method": "card", "basisPoints": 0}])
    assert by_card["changes"] == 0


def test_a_real_payment_is_replayed_from_what_its_attempt_kept(shop: Shop) -> None:
    payment = shop.create(shop.book()).data
    shop.verify(payment["id"], shop.pay(payment))
    told = simulate(shop, rules={"mode": "priority", "order": ["stripe"]})
    (moved,) = told["changed"]
    assert (moved["paymentId"], moved["was"], moved["wouldBe"]) == (payment["id"], payment["gateway"], "stripe")
    assert told["reproduced"] == 1
    assert savings(shop)["total"]["payments"] == 1
    with shop.world.db(shop.tenant) as db:
        (row,) = db.dicts("SELECT decision, inputs FROM payment_attempts")
    assert row["decision"].keys() == {"reason", "fee_paise", "gst_paise", "total_paise", "candidates"}
    assert row["inputs"]["bucket"] == routing.bucket_of(UUID(payment["id"]))
    assert "_inputs" not in json.dumps(payment)


def test_a_payment_that_is_resumed_is_decided_by_its_own_place(shop: Shop) -> None:
    for gateway in ("razorpay", "cashfree"):
        shop.fault(gateway, "down", "create_order")
    booking = shop.book()
    assert shop.create(booking).code == "gateway_unavailable"
    payment = shop.create(booking).data
    with shop.world.db(shop.tenant) as db:
        places = db.dicts("SELECT inputs->>'bucket' AS place FROM payment_attempts")
    assert {int(row["place"]) for row in places} == {routing.bucket_of(UUID(payment["id"]))}


def test_a_decision_of_an_earlier_release_is_counted_and_not_guessed(shop: Shop) -> None:
    paid(shop, [120_000] * 3)
    with shop.world.db(shop.tenant) as db:
        db.run("UPDATE payment_attempts SET inputs = NULL")
    told = simulate(shop, rules={"mode": "priority", "order": ["razorpay"]})
    assert (told["payments"], told["replayed"], told["notReplayable"]) == (3, 0, 3)
    assert savings(shop)["total"]["payments"] == 3


def test_it_shows_only_the_own_organisation(shop: Shop, world: World) -> None:
    paid(shop, [120_000] * 3)
    other = world.tenant()
    assert world.call("routing", "POST", SIMULATE, other.owner, {}).data["payments"] == 0
    assert world.call("routing", "GET", SAVINGS, other.owner).data["total"]["payments"] == 0


WRONG: list[dict[str, Any]] = [
    {"fromDate": "2026-12-02", "untilDate": "2026-12-01"},
    {"fromDate": "0001-01-01"},
    {"untilDate": "9999-12-31"},
    {"fromDate": "2020-01-01"},
    {"fees": [{"gateway": "razorpay", "basisPoints": 10_001}]},
    {"fees": [{"gateway": "razorpay", "basisPoints": 1e2}]},
    {"rules": {"mode": "priority"}},
    {"rule": {}},
]


def test_what_makes_no_sense_is_refused(shop: Shop) -> None:
    told = [shop.world.call("routing", "POST", SIMULATE, shop.owner, asked).code for asked in WRONG]
    assert told == ["validation_failed"] * len(WRONG)


def test_days_that_are_none(shop: Shop) -> None:
    for query in ("?from=2026-12-02&to=2026-12-01", "?from=0001-01-01", "?to=9999-12-31", "?to=x"):
        assert shop.world.call("routing", "GET", SAVINGS + query, shop.owner).code == "validation_failed"


def test_a_decision_knows_what_it_was_made_from_and_never_shows_it() -> None:
    terms = Terms(gateway="paytm", basis_points=1, fixed_paise=0, gst_percent=18, preference=1)
    decision, _ = routing.choose([terms], 5, frozenset({"paytm"}), clock.now())
    assert isinstance(decision.inputs, Inputs)
    read = Routing.model_validate_json(decision.model_dump_json())
    assert (read.inputs, read.model_dump()) == (None, decision.model_dump())
