"""How a gateway is chosen is laid down by version, planned by date, learnt from what became of payments."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from studyspot.kit import cells, clock, ids
from studyspot.payments import queries, routing, ruling
from studyspot.payments.models import Rules, Terms

from tests.fulfilment.shop import Shop
from tests.world import Answer, World

NOW = datetime(2026, 12, 1, 4, 30, tzinfo=UTC)
BOTH = frozenset({"razorpay", "cashfree"})
RULES = "/payments/routing/rules"
SOME = [uuid5(ids.PLATFORM, str(n)) for n in range(2_000)]


def terms(gateway: str, **more: object) -> Terms:
    price = {"cashfree": (150, 300, 1), "razorpay": (200, 0, 2)}[gateway]
    facts = dict(zip(("basis_points", "fixed_paise", "preference"), price, strict=True)) | {"gst_percent": 18}
    return Terms.model_validate({"gateway": gateway} | facts | more)


RAZORPAY, CASHFREE = terms("razorpay"), terms("cashfree")


def put(shop: Shop, body: dict[str, Any], token: str | None = None, **headers: str) -> Answer:
    return shop.world.call("routing", "PUT", RULES, token or shop.owner, body, **headers)


def quote(shop: Shop, paise: int = 75_000, **more: Any) -> dict[str, Any]:
    body = {"amountPaise": paise, **more}
    answer: dict[str, Any] = shop.world.call("routing", "POST", "/payments/routing/quote", shop.owner, body).data
    return answer


def clean(world: World) -> None:
    """The platform's word outlives a test's tenant."""
    for conn in world._owners:
        conn.execute("DELETE FROM platform_rules; DELETE FROM gateway_outcomes")
        conn.execute("DELETE FROM gateway_fees WHERE valid_from > '2020-01-01'")


@pytest.fixture(autouse=True)
def nothing_laid_down(world: World) -> Any:
    clean(world)
    yield
    clean(world)


def split_of(percent: int) -> Counter[str]:
    rules = Rules(mode="volume_split", split={"razorpay": percent, "cashfree": 100 - percent})
    return Counter(
        routing.choose([RAZORPAY, CASHFREE], 90_000, BOTH, NOW, rules=rules, bucket=routing.bucket_of(one))[1][0]
        for one in SOME
    )


def test_only_an_owner_and_the_platform_lay_down_rules(shop: Shop) -> None:
    for token in (shop.token, shop.world.token("library_staff", shop.tenant)):
        assert put(shop, {"mode": "priority", "order": ["razorpay"]}, token).status == 403
        assert shop.world.call("routing", "GET", RULES, token).status == 403
    assert shop.world.call("routing", "GET", RULES).status == 401
    staff = shop.world.token("platform_staff", ids.PLATFORM)
    assert put(shop, {"mode": "cost"}, staff).status == 403
    assert shop.world.call("routing", "GET", RULES, staff).status == 200


def test_rules_are_of_one_organisation_alone(shop: Shop) -> None:
    other = shop.world.tenant()
    assert put(shop, {"mode": "priority", "order": ["razorpay"]}).data["version"] == 1
    assert quote(shop)["reason"] == "priority"
    seen = shop.world.call("routing", "GET", RULES, other.owner).data
    assert (seen["source"], seen["version"], seen["mode"]) == ("default", 0, "cost")
    body = {"amountPaise": 75_000}
    assert (
        shop.world.call("routing", "POST", "/payments/routing/quote", other.owner, body).data["gateway"] == "cashfree"
    )


def test_an_order_of_priorities_goes_before_cost(shop: Shop) -> None:
    put(shop, {"mode": "priority", "order": ["paytm", "razorpay"]})
    decided = quote(shop)
    assert (decided["gateway"], decided["reason"]) == ("paytm", "priority")
    assert [c["gateway"] for c in decided["candidates"]] == ["paytm", "razorpay", "cashfree", "stripe"]
    cheaper = decided["candidates"][2]
    assert cheaper["why"].endswith("paise cheaper")
    payment = shop.create(shop.book()).data
    assert (payment["gateway"], payment["routing"]["reason"]) == ("paytm", "priority")


def test_rules_fit_by_amount_method_and_purpose_and_the_first_counts(shop: Shop) -> None:
    rules = [
        {"method": "upi", "gateways": ["paytm"]},
        {"minPaise": 50_000, "belowPaise": 60_000, "gateways": ["stripe", "razorpay"]},
        {"purpose": "dues", "gateways": ["stripe"]},
    ]
    assert put(shop, {"mode": "rules", "rules": rules}).status == 200
    chosen = [
        quote(shop, 75_000, method="upi")["gateway"],
        quote(shop, 50_000)["gateway"],
        quote(shop, 59_999)["gateway"],
        quote(shop, 60_000)["gateway"],
        quote(shop, 49_999)["gateway"],
    ]
    assert chosen == ["paytm", "stripe", "stripe", "cashfree", "razorpay"]
    assert quote(shop, 50_000)["candidates"][0]["why"] == "chosen: number 1 of rule 2"


def test_payments_are_dealt_out_in_parts() -> None:
    dealt = split_of(30)
    assert abs(dealt["razorpay"] - 600) < 60
    assert split_of(0) == {"cashfree": 2_000}
    rules = Rules(mode="volume_split", split={"razorpay": 30, "cashfree": 70})
    alone = routing.choose([RAZORPAY, CASHFREE], 90_000, frozenset({"razorpay"}), NOW, rules=rules, bucket=9_999)
    assert (alone[1], alone[0].reason) == (["razorpay"], "only_candidate")


def test_a_gateway_that_had_bad_luck_keeps_a_small_share_by_the_payment_s_id() -> None:
    lucky, unlucky = (
        terms("razorpay", week_calls=5_000, week_failures=100),
        terms("cashfree", week_calls=5_000, week_failures=2_500),
    )
    rules = Rules(mode="success_rate", exploration_percent=5)

    def chosen(payment: UUID) -> tuple[str, str]:
        at = routing.bucket_of(payment)
        decision, turns = routing.choose([lucky, unlucky], 90_000, BOTH, NOW, rules=rules, bucket=at)
        return turns[0], decision.reason

    first = [chosen(payment) for payment in SOME]
    assert first == [chosen(payment) for payment in SOME]
    shares = Counter(first)
    assert shares.keys() == {("razorpay", "success_rate"), ("cashfree", "exploration")}
    assert 70 <= shares["cashfree", "exploration"] <= 130
    exploring = next(p for p in SOME if chosen(p)[1] == "exploration")
    at = routing.bucket_of(exploring)
    decision, turns = routing.choose([lucky, unlucky], 90_000, BOTH, NOW, rules=rules, bucket=at)
    assert turns == ["cashfree", "razorpay"]
    assert decision.candidates[0].why == (
        "chosen: one of the 5 in 100 that try another gateway; expected to succeed 56.67 %"
    )
    assert decision.candidates[1].why == "177 paise dearer: expected to succeed 96.67 %"


def test_one_good_payment_is_no_proof() -> None:
    once = terms("razorpay", week_calls=100, week_failures=0)
    often = terms("cashfree", week_calls=90_000, week_failures=1_800)
    rules = Rules(mode="success_rate")
    decision, turns = routing.choose([once, often], 10_000, BOTH, NOW, rules=rules)
    assert (turns[0], decision.reason) == ("cashfree", "success_rate")
    assert (once.standing, often.standing) == (9091, 9791)


def test_what_became_of_payments_is_learnt_by_way_to_pay_and_fades(shop: Shop) -> None:
    put(shop, {"mode": "success_rate"})
    with shop.world.db(shop.tenant) as db:
        payment = ids.uuid7()
        for gateway, method, good, bad in [
            ("razorpay", "upi", 19, 1),
            ("razorpay", "credit_card", 2, 8),
            ("cashfree", "UPI", 12, 8),
        ]:
            for n in range(good + bad):
                queries.became(db, gateway, method, n < bad, payment)
    by_upi, by_card = quote(shop, method="upi"), quote(shop, method="card")
    assert (by_upi["gateway"], by_upi["reason"]) == ("razorpay", "success_rate")
    rates = {c["gateway"]: c["successRate"] for c in by_upi["candidates"]}
    assert (rates["razorpay"], rates["cashfree"], rates["paytm"]) == (0.95, 0.6, None)
    assert {c["gateway"]: c["successRate"] for c in by_card["candidates"]}["razorpay"] == 0.2
    health = {row["gateway"]: row for row in shop.get("/payments/gateways/health")}
    assert health["razorpay"]["methods"] == [
        {"method": "card", "outcomes": 10, "failures": 8, "successRate": 0.2},
        {"method": "upi", "outcomes": 20, "failures": 1, "successRate": 0.95},
    ]
    shop.world.advance(timedelta(days=3, hours=1))
    with shop.world.db(shop.tenant) as db:
        for _ in range(20):
            queries.became(db, "razorpay", "upi", True, payment)
    assert {c["gateway"]: c["successRate"] for c in quote(shop, method="upi")["candidates"]}["razorpay"] == 0.3167
    shop.world.advance(timedelta(days=7, hours=1))
    assert {c["successRate"] for c in quote(shop, method="upi")["candidates"]} == {None}


def test_a_payment_counts_for_the_way_it_was_paid(shop: Shop) -> None:
    payment = shop.create(shop.book()).data
    shop.verify(payment["id"], shop.pay(payment))
    (told,) = [row for row in shop.get("/payments/gateways/health") if row["methods"]]
    assert (told["gateway"], [(m["outcomes"], m["failures"]) for m in told["methods"]]) == (
        payment["gateway"],
        [(1, 0)],
    )


def test_a_version_is_planned_and_takes_effect_on_its_day(shop: Shop) -> None:
    later = (clock.now() + timedelta(days=2)).isoformat()
    planned = put(shop, {"mode": "priority", "order": ["stripe"], "effectiveAt": later}).data
    assert (planned["version"], planned["mode"], planned["source"]) == (0, "cost", "default")
    assert [(v["version"], v["mode"], v["order"]) for v in planned["planned"]] == [(1, "priority", ["stripe"])]
    assert put(shop, {"mode": "priority", "order": ["razorpay"]}).data["version"] == 2
    assert quote(shop)["gateway"] == "razorpay"
    shop.world.advance(timedelta(days=2, minutes=1))
    assert quote(shop)["gateway"] == "stripe"
    assert shop.world.call("routing", "GET", RULES, shop.owner).data["planned"] == []


def test_what_is_not_sent_stays_and_null_goes_back_to_the_platform(shop: Shop) -> None:
    put(shop, {"mode": "volume_split", "split": {"razorpay": 100}, "explorationPercent": 7})
    after = put(shop, {"mode": "cost"}).data
    assert (after["mode"], after["split"], after["explorationPercent"]) == ("cost", {"razorpay": 100}, 7)
    assert put(shop, {"mode": None}).data["source"] == "default"
    assert quote(shop)["gateway"] == "cashfree"
    assert put(shop, {"mode": "volume_split"}).data["split"] == {"razorpay": 100}


def test_the_platform_s_word_reaches_every_cell_and_cells_made_since(shop: Shop) -> None:
    silo = shop.world.tenant("silo")
    admin = shop.world.admin()
    assert put(shop, {"mode": "priority", "order": ["stripe"]}, admin).data["source"] == "platform"
    assert quote(shop)["gateway"] == "stripe"
    seen = shop.world.call("routing", "GET", RULES, silo.owner).data
    assert (seen["source"], seen["order"]) == ("platform", ["stripe"])
    late = shop.world.tenant("silo")
    assert shop.world.call("routing", "GET", RULES, late.owner).data["source"] == "default"
    with shop.world.worker():
        assert ruling.spread() > 0
        assert ruling.spread() == 0
    assert shop.world.call("routing", "GET", RULES, late.owner).data["order"] == ["stripe"]
    assert put(shop, {"mode": "cost"}).data["source"] == "organisation"
    assert quote(shop)["gateway"] == "cashfree"
    assert put(shop, {"mode": None}, admin).data["mode"] == "cost"


def test_a_platform_admin_lays_down_rules_inside_an_organisation(shop: Shop) -> None:
    answer = put(shop, {"mode": "priority", "order": ["razorpay"]}, shop.world.admin(), x_tenant_id=str(shop.tenant))
    assert answer.data["source"] == "organisation"
    assert quote(shop)["gateway"] == "razorpay"


def test_prices_begin_on_a_day_to_come_and_stand(shop: Shop) -> None:
    admin = shop.world.admin()
    fee = {"gateway": "razorpay", "basisPoints": 100, "fixedPaise": 0, "validFrom": "2026-12-03"}
    shown = put(shop, {"fees": [fee]}, admin).data["fees"]
    ours = [(f["validFrom"], f["validUntil"], f["basisPoints"]) for f in shown if f["gateway"] == "razorpay"]
    assert ours == [("2020-01-01", "2026-12-03", 200), ("2026-12-03", None, 100)]
    assert put(shop, {"fees": [fee]}, admin).code == "state_conflict"
    for day in ("2026-12-01", "2020-01-01"):
        assert put(shop, {"fees": [fee | {"validFrom": day}]}, admin).code == "validation_failed"
    assert quote(shop)["gateway"] == "cashfree"
    shop.world.advance(timedelta(days=2))
    assert (quote(shop)["gateway"], quote(shop)["feePaise"]) == ("razorpay", 750)


def test_an_organisation_s_prices_are_of_its_own_accounts(shop: Shop) -> None:
    fee = {"gateway": "razorpay", "method": "card", "basisPoints": 10, "validFrom": "2026-12-02"}
    assert put(shop, {"fees": [fee]}).status == 200
    shop.world.advance(timedelta(days=1))
    assert quote(shop, method="card")["gateway"] == "cashfree"
    with shop.world.db(shop.tenant) as db:
        db.run(
            "INSERT INTO gateway_accounts (id, gateway, key_id, credentials, mode, created_at, updated_at)"
            " VALUES (%(id)s, 'razorpay', 'rzp_test_x', '', 'test', %(now)s, %(now)s)",
            id=ids.uuid7(), now=clock.now(),
        )  # fmt: skip
    assert (quote(shop, method="card")["feePaise"], quote(shop, method="upi")["feePaise"]) == (75, 1500)
    with cells.core_db() as core:
        assert core.value("SELECT count(*) FROM gateway_fees WHERE basis_points = 10") == 0


WRONG: list[dict[str, Any]] = [
    {"mode": "cheap"},
    {"mode": "priority"},
    {"mode": "volume_split", "split": {"razorpay": 60, "cashfree": 60}},
    {"mode": "volume_split", "split": {"razorpay": 100.5}},
    {"mode": "rules", "rules": []},
    {"mode": "priority", "order": ["razorpay", "razorpay"]},
    {"mode": "rules", "rules": [{"gateways": []}]},
    {"explorationPercent": 0},
    {"explorationPercent": 21},
    {"mode": "cost", "effectiveAt": "2026-11-30T00:00:00Z"},
    {"fees": [{"gateway": "razorpay", "basisPoints": 1.5, "validFrom": "2026-12-09"}]},
    {"fees": [{"gateway": "razorpay", "basisPoints": -1, "validFrom": "2026-12-09"}]},
    {"fees": [{"gateway": "visa", "basisPoints": 1, "validFrom": "2026-12-09"}]},
]


def test_what_makes_no_sense_is_refused_and_leaves_nothing(shop: Shop) -> None:
    assert [put(shop, wrong).code for wrong in WRONG] == ["validation_failed"] * len(WRONG)
    assert shop.count("routing_rules") + shop.count("account_fees") == 0


def test_of_two_who_change_the_same_version_one_is_told(shop: Shop) -> None:
    seen = shop.world.call("routing", "GET", RULES, shop.owner)
    tag = seen.headers.get("etag") or seen.headers["ETag"]
    assert put(shop, {"mode": "priority", "order": ["stripe"]}, if_match=tag).status == 200
    assert put(shop, {"mode": "priority", "order": ["paytm"]}, if_match=tag).code == "version_conflict"


def test_changes_are_told_to_the_trail(shop: Shop) -> None:
    put(shop, {"mode": "priority", "order": ["stripe"]})
    with shop.world.db(shop.tenant) as db:
        (row,) = db.dicts("SELECT before, after FROM audit_logs WHERE action = 'routing.rules'")
    assert (row["before"], row["after"]["mode"]) == (None, "priority")
