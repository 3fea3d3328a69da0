"""A payment that looks like misuse is held for a person to look at, or refused, before any gateway is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.kit import clock, ids, tally
from studyspot.payments import risk
from studyspot.payments.models import RiskRules
from studyspot.payments.risk import Seen

from tests.alongside import at_once
from tests.fulfilment.shop import Shop
from tests.world import Answer, World

EVENTS, RULES = "/payments/risk/events", "/payments/risk/rules"
NOON = datetime(2026, 12, 1, 6, 30, tzinfo=UTC)
OLD = UUID(int=7 << 76 | 2 << 62)
"""An account as old as time."""
CALM: dict[str, Any] = {
    "now": NOON, "amount_paise": 50_000, "student_id": OLD, "country": "IN", "payments": 1, "payers": 1,
    "cards": 0, "failures": 0, "paid": 0, "most_paid": 0, "other_names": 0,
}  # fmt: skip
SURELY = {"weights": {"new_account": 100}}
PERHAPS = {"weights": {"new_account": 75}}


def made(seconds: int) -> UUID:
    """The id of an account that was made so long before noon."""
    return UUID(int=OLD.int | (int(NOON.timestamp()) - seconds) * 1000 << 80)


@pytest.fixture(autouse=True)
def nothing_laid_down(world: World) -> Any:
    yield
    for conn in world._owners:
        conn.execute("DELETE FROM platform_rules")


def rules(shop: Shop, **asked: Any) -> Answer:
    return shop.world.call("routing", "PUT", RULES, shop.world.admin(), asked)


def weighing(shop: Shop, **points: int) -> None:
    """Everybody here is new within the day: that sign alone decides, by what it weighs."""
    assert rules(shop, weights={"newAccount": points.pop("new", 75)} | points).status == 200


def events(shop: Shop, query: str = "") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = shop.world.call("routing", "GET", EVENTS + query, shop.owner).json["data"]
    return listed


def decide(shop: Shop, event: str, decision: str, token: str | None = None) -> Answer:
    body = {"decision": decision, "note": "looked at"}
    return shop.world.call("routing", "POST", f"{EVENTS}/{event}/decision", token or shop.owner, body)


@pytest.mark.parametrize(
    ("sign", "points", "seen"),
    [
        (None, 0, {}),
        (None, 0, {"payments": 5, "payers": 2, "cards": 2, "failures": 2, "paid": 3, "most_paid": 12_500}),
        ("payer_velocity", 20, {"payments": 6}),
        ("device_velocity", 25, {"payers": 3}),
        ("card_velocity", 30, {"cards": 3}),
        ("failed_attempts", 20, {"failures": 3}),
        ("name", 15, {"other_names": 1}),
        ("amount", 10, {"paid": 3, "most_paid": 12_499}),
        (None, 0, {"paid": 2, "most_paid": 100}),
        ("odd_hour", 5, {"now": datetime(2026, 11, 30, 19, 30, tzinfo=UTC)}),
        (None, 0, {"now": datetime(2026, 11, 30, 19, 29, tzinfo=UTC)}),
        (None, 0, {"now": datetime(2026, 11, 30, 23, 30, tzinfo=UTC)}),
        ("country", 20, {"country": "RU"}),
        (None, 0, {"country": None}),
        (
            "new_account",
            10,
            {"student_id": made(86_399)},
        ),
        (None, 0, {"student_id": made(86_400)}),
        (None, 0, {"student_id": UUID(int=5)}),
        (None, 0, {"student_id": None}),
    ],
)
def test_each_sign_from_where_on_it_is_one(sign: str | None, points: int, seen: dict[str, Any]) -> None:
    score, reasons, outcome = risk.judged(Seen(**CALM | seen), RiskRules())
    assert (score, [(r.sign, r.points) for r in reasons], outcome) == (
        points, [(sign, points)] if sign else [], "passed",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "score", "outcome"),
    [
        ({"payments": 6, "failures": 3}, 40, "passed"),
        ({"payments": 6, "failures": 3, "cards": 3}, 70, "held"),
        ({"payments": 6, "failures": 3, "cards": 3, "other_names": 1}, 85, "held"),
        ({"payments": 6, "failures": 3, "cards": 3, "country": "RU"}, 90, "refused"),
        ({"payments": 9, "payers": 9, "cards": 9, "failures": 9, "other_names": 9, "country": "RU"}, 100, "refused"),
    ],
)
def test_seventy_is_held_ninety_is_refused_and_a_hundred_is_the_end(
    seen: dict[str, Any], score: int, outcome: str
) -> None:
    told = risk.judged(Seen(**CALM | seen), RiskRules())
    assert (told[0], told[2]) == (score, outcome)


def test_what_somebody_honest_may_meet_with_on_one_day_is_never_held() -> None:
    night = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)
    hurried = {"payments": 50, "failures": 50, "paid": 3, "most_paid": 1, "student_id": made(3600), "now": night}
    score, reasons, outcome = risk.judged(Seen(**CALM | hurried), RiskRules())
    assert (score, len(reasons), outcome) == (65, 5, "passed")


def test_nobody_but_owner_and_staff_of_the_platform_sees_or_says_anything(shop: Shop) -> None:
    call = shop.world.call
    event = ids.uuid7()
    for token in (shop.token, shop.world.token("library_staff", shop.tenant)):
        assert call("routing", "GET", EVENTS, token).status == 403
        assert call("routing", "GET", RULES, token).status == 403
        assert decide(shop, str(event), "release", token).status == 403
    for token in (shop.owner, shop.world.token("platform_staff", ids.PLATFORM)):
        assert call("routing", "PUT", RULES, token, {"holdAt": 80}).status == 403
        assert call("routing", "GET", EVENTS, token).status == 200
    assert call("routing", "GET", EVENTS).status == 401


def test_a_calm_payment_passes_and_is_on_record_with_its_score(shop: Shop) -> None:
    payment = shop.create(shop.book()).data
    (event,) = events(shop)
    assert (event["paymentId"], event["outcome"], event["score"]) == (payment["id"], "passed", 10)
    assert event["reasons"] == [{"sign": "new_account", "points": 10, "seen": 0, "limit": 24}]
    assert event["decision"] is None
    assert events(shop, "?minScore=11") == []
    assert events(shop, "?outcome=held") == events(shop, "?waiting=true") == []


def test_judging_costs_no_round_trip(shop: Shop) -> None:
    trips = []
    for token in (shop.token, shop.owner):
        booking = shop.book(days=len(trips) + 1)
        before = tally.current.trips
        assert shop.create(booking, token).status == 201
        trips.append(tally.current.trips - before)
    assert trips[0] == trips[1] <= 10
    assert shop.count("risk_events") == 1


def test_what_is_held_opens_nothing_and_waits_for_one_decision(shop: Shop) -> None:
    weighing(shop)
    booking = shop.book()
    first = shop.create(booking)
    assert (first.status, first.code) == (403, "risk_held")
    assert shop.create(booking).json["riskEventId"] == first.json["riskEventId"]
    (event,) = events(shop, "?waiting=true")
    assert (event["id"], event["score"], event["outcome"], event["paymentId"]) == (
        first.json["riskEventId"], 75, "held", None,
    )  # fmt: skip
    assert shop.count("payments") + shop.count("payment_attempts") == 0
    with shop.world.db(shop.tenant) as db:
        assert db.value("SELECT count(*) FROM outbox WHERE payload->>'type' = 'payment.risk'") == 1
        assert db.value("SELECT count(*) FROM audit_logs WHERE action = 'payments.held'") == 1


def test_released_the_payer_goes_on_for_a_day_up_to_that_amount(shop: Shop) -> None:
    weighing(shop)
    held = shop.create(shop.book(hours=2)).json["riskEventId"]
    after = decide(shop, held, "release").data
    assert (after["decision"], after["note"], after["decidedBy"]) == (
        "released", "looked at", str(shop.scene.tenant.owner_id),
    )  # fmt: skip
    again = shop.create(shop.book(days=2, hours=2))
    assert again.status == 201
    assert events(shop)[0]["reasons"][-1] == {"sign": "released", "points": 0, "seen": held, "limit": "a day"}
    dearer = shop.create(shop.book(days=3, hours=3))
    assert (dearer.code, dearer.json["riskEventId"] == held) == ("risk_held", False)
    shop.world.advance(timedelta(hours=25))
    weighing(shop, name=0, new=0, odd_hour=0)
    assert rules(shop, limits={"newAccountHours": 100}, weights={"newAccount": 75}).status == 200
    assert shop.create(shop.book(days=4, hours=2)).code == "risk_held"


def test_rejected_the_payer_is_refused_for_a_day(shop: Shop) -> None:
    weighing(shop)
    booking = shop.book()
    held = shop.create(booking).json["riskEventId"]
    assert decide(shop, held, "reject").data["decision"] == "rejected"
    told = shop.create(booking)
    assert (told.status, told.code, told.json["riskEventId"]) == (403, "risk_refused", held)
    weighing(shop, new=0)
    assert shop.create(booking).code == "risk_refused", "what a person said stands over the score"
    weighing(shop)
    other = shop.scene.token(shop.scene.student())
    assert shop.create(shop.scene.book(other, 1).data["id"], other).code == "risk_held"
    weighing(shop, new=0)
    shop.world.advance(timedelta(hours=25))
    assert shop.create(shop.book()).status == 201


def test_a_decision_is_made_once_and_only_of_what_is_held(shop: Shop) -> None:
    shop.create(shop.book())
    passed = events(shop)[0]["id"]
    assert decide(shop, passed, "release").code == "state_conflict"
    weighing(shop)
    held = shop.create(shop.book(days=2)).json["riskEventId"]
    assert decide(shop, held, "reject").status == 200
    assert decide(shop, held, "release").code == "state_conflict"
    assert decide(shop, str(ids.uuid7()), "release").status == 404
    assert decide(shop, held, "perhaps").code == "validation_failed"
    other = shop.world.tenant()
    assert decide(shop, held, "release", other.owner).status == 404
    assert shop.world.call("routing", "GET", EVENTS, other.owner).json["data"] == []


def test_what_is_refused_is_on_record_and_staff_may_still_open_it(shop: Shop) -> None:
    weighing(shop, new=95)
    booking = shop.book()
    refused = shop.create(booking)
    assert (refused.status, refused.code) == (403, "risk_refused")
    (event,) = events(shop, "?outcome=refused")
    assert (event["id"], event["score"]) == (refused.json["riskEventId"], 95)
    assert shop.count("payments") == 0
    assert decide(shop, event["id"], "release").code == "state_conflict"
    assert shop.create(booking, shop.owner).status == 201


def test_velocity_failures_and_cards_add_up_over_real_payments(shop: Shop) -> None:
    for number in range(1, 4):
        payment = shop.create(shop.book(days=number)).data
        shop.pay(payment, "failure", method="card")
        shop.world.call("payments", "POST", f"/payments/{payment['id']}/sync", shop.owner)
        assert shop.payment(payment["id"])["status"] == "failed"
        shop.world.advance(timedelta(minutes=2))
    shop.create(shop.book(days=4))
    assert [r["sign"] for r in events(shop)[0]["reasons"]] == ["failed_attempts", "new_account"]
    assert shop.count("payment_cards") == 3
    with shop.world.db(shop.tenant) as db:
        rows = str(db.dicts("SELECT * FROM payment_cards") + db.dicts("SELECT * FROM risk_events"))
        phone = db.value("SELECT max(payer_phone) FROM payments")
    assert phone[-10:] not in rows


def test_one_card_that_serves_many_is_a_sign(shop: Shop) -> None:
    with shop.world.db(shop.tenant) as db:
        for n in range(3):
            payment = ids.uuid7()
            db.run(
                "INSERT INTO payments (id, purpose, purpose_id, amount_paise, description, expires_at, created_at,"
                " updated_at, status) VALUES (%(id)s, 'dues', %(id)s, 5, '', %(now)s, %(now)s, %(now)s, 'failed')",
                id=payment, now=clock.now(),
            )  # fmt: skip
            db.run(
                "INSERT INTO payment_cards (payment_id, card_hash, payer_hash, seen_at)"
                " VALUES (%(id)s, 'c', %(payer)s, %(now)s)",
                id=payment, payer=f"p{n}", now=clock.now(),
            )  # fmt: skip
        shop.create(shop.book())
        mine = db.value("SELECT payer_hash FROM risk_events")
        db.run("UPDATE payment_cards SET payer_hash = %(mine)s WHERE payer_hash = 'p0'", mine=mine)
    shop.create(shop.book(days=2))
    assert {r["sign"]: r["seen"] for r in events(shop)[0]["reasons"]}["card_velocity"] == 3


def test_cards_that_only_look_alike_are_not_one(shop: Shop) -> None:
    for number in range(3):
        student = shop.scene.student()
        token = shop.scene.token(student)
        payment = shop.create(shop.scene.book(token, number).data["id"], token).data
        shop.verify(payment["id"], shop.pay(payment, method="card"), token)
    with shop.world.db(shop.tenant) as db:
        assert db.value("SELECT count(DISTINCT card_hash) FROM payment_cards") == 3
    assert "card_velocity" not in {r["sign"] for e in events(shop) for r in e["reasons"]}


def test_a_device_from_which_many_pay_and_a_country_that_is_far(shop: Shop) -> None:
    headers = {"x_device_id": "the-same-phone", "cloudfront_viewer_country": "RU"}
    for number in range(3):
        student = shop.scene.student()
        token = shop.scene.token(student)
        booking = shop.scene.book(token, number)
        body = {"purpose": "booking", "purposeId": booking.data["id"]}
        assert shop.world.call("payments", "POST", "/payments/create", token, body, **headers).status == 201
    signs = {r["sign"]: r["seen"] for r in events(shop)[0]["reasons"]}
    assert (signs["device_velocity"], signs["country"]) == (3, "RU")
    assert events(shop)[0]["country"] == "RU"


def test_an_organisation_s_own_server_is_no_device(shop: Shop) -> None:
    from studyspot.fulfilment import purposes
    from studyspot.kit import tokens
    from studyspot.kit.auth import Actor, Key
    from studyspot.payments import weighing as judging

    person, booking = Actor.of(tokens.verify(shop.token)), UUID(shop.book())
    devices = []
    for actor in (person, replace(person, key=Key())):
        with shop.world.db(shop.tenant) as db, db.transaction():
            db.actor = actor
            found = judging.weigh(db, purposes.of("booking").payable(db, booking, person), actor)
            assert found
            devices.append(found.payer.device is None)
    assert devices == [False, True]


def test_rules_are_laid_down_by_version_and_reach_every_cell(shop: Shop) -> None:
    silo = shop.world.tenant("silo")
    before = shop.world.call("routing", "GET", RULES, shop.owner).data
    assert (before["version"], before["holdAt"], before["refuseAt"]) == (0, 70, 90)
    after = rules(shop, holdAt=60, weights={"cardVelocity": 40}).data
    assert (after["version"], after["holdAt"], after["weights"]["cardVelocity"], after["weights"]["name"]) == (
        1, 60, 40, 15,
    )  # fmt: skip
    with shop.world.db(silo.id) as db:
        assert db.value("SELECT value->>'hold_at' FROM platform_rules WHERE kind = 'risk'") == "60"
    later = (clock.now() + timedelta(days=1)).isoformat()
    planned = rules(shop, weights={"cardVelocity": None}, effectiveAt=later).data
    assert (planned["version"], planned["planned"][0]["weights"]["cardVelocity"], planned["planned"][0]["holdAt"]) == (
        1, 30, 60,
    )  # fmt: skip
    assert shop.world.call("routing", "GET", "/payments/routing/rules", shop.owner).data["source"] == "default"


WRONG: list[dict[str, Any]] = [
    {"holdAt": 95},
    {"holdAt": 0},
    {"refuseAt": 102},
    {"weights": {"cardVelocity": 101}},
    {"weights": {"cardVelocity": 0.5}},
    {"weights": {"luck": 5}},
    {"limits": {"countries": ["India"]}},
    {"limits": {"oddFrom": 25}},
    {"effectiveAt": "2026-11-30T00:00:00Z"},
]


def test_rules_that_make_no_sense_are_refused(shop: Shop) -> None:
    assert [rules(shop, **wrong).code for wrong in WRONG] == ["validation_failed"] * len(WRONG)


def test_many_tries_at_once_ask_one_question(shop: Shop) -> None:
    from studyspot.fulfilment import purposes
    from studyspot.kit import tokens
    from studyspot.kit.auth import Actor
    from studyspot.payments import weighing as judging

    weighing(shop)
    actor, booking = Actor.of(tokens.verify(shop.token)), UUID(shop.book())

    def ask(db: Any, _: int) -> UUID:
        with db.transaction():
            payable = purposes.of("booking").payable(db, booking, actor)
            found = judging.weigh(db, payable, actor)
            assert found
            judging.record(db, found)
        return found.event_id

    assert len(set(at_once(shop.tenant, ask, range(12)))) == 1
    assert shop.count("risk_events") == 1
