"""Prices and pasts of gateways are read from their tables as anybody would by hand, and learning finds its way back."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid5

import pytest
from studyspot.kit import clock, ids
from studyspot.payments import queries, routing
from studyspot.payments.models import Rules, Terms

from tests.fulfilment.shop import Shop
from tests.world import World

NAMES = ["razorpay", "cashfree", "paytm", "stripe"]
METHODS = ["", "upi", "card"]
NOW = datetime(2026, 12, 1, 4, 30, tzinfo=UTC)
COUNTS = [100, 79, 63, 50, 40, 31, 25]


@pytest.fixture(autouse=True)
def the_prices_of_the_beginning(world: World) -> Any:
    yield
    for conn in world._owners:
        conn.execute("DELETE FROM gateway_fees WHERE valid_from > '2020-01-01' OR method <> ''")
        conn.execute("DELETE FROM gateway_outcomes; DELETE FROM gateway_health")


def price_by_hand(rows: list[dict[str, Any]], gateway: str, method: str, on: date) -> dict[str, Any] | None:
    """Of those in force: one for this way to pay before one for all, the youngest of them."""
    for way in ([method] if method else []) + [""]:
        known = [r for r in rows if (r["gateway"], r["method"]) == (gateway, way) and r["valid_from"] <= on]
        if known:
            return max(known, key=lambda r: r["valid_from"])
    return None


def fees_at_random(shop: Shop, chance: random.Random) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The platform's and the organisation's own, which has accounts at two of the four."""
    with shop.world.db(shop.tenant) as db, db.transaction():
        for table, also in (("gateway_fees", "preference"), ("account_fees", "changed_at")):
            for name in NAMES:
                for method in METHODS:
                    for day in chance.sample(range(1, 28), 4):
                        db.run(
                            f"INSERT INTO {table} (gateway, method, valid_from, basis_points, fixed_paise, {also})"
                            " VALUES (%(g)s, %(m)s, %(day)s, %(bp)s, %(fixed)s, %(also)s) ON CONFLICT DO NOTHING",
                            g=name, m=method, day=date(2026, 12, day), bp=chance.randrange(500),
                            fixed=chance.randrange(500),
                            also=NAMES.index(name) if also == "preference" else clock.now(),
                        )  # fmt: skip
        for name in NAMES[:2]:
            db.run(
                "INSERT INTO gateway_accounts (id, gateway, key_id, credentials, mode, created_at, updated_at)"
                " VALUES (%(id)s, %(name)s, 'key', '', 'test', %(now)s, %(now)s)",
                id=ids.uuid7(), name=name, now=clock.now(),
            )  # fmt: skip
        return tuple(  # type: ignore[return-value]
            db.dicts(f"SELECT gateway, method, valid_from, basis_points, fixed_paise FROM {t}")
            for t in ("gateway_fees", "account_fees")
        )


def test_prices_are_found_by_day_way_and_account_as_by_hand(shop: Shop) -> None:
    chance = random.Random(5)
    platform, own = fees_at_random(shop, chance)
    compared = 0
    for _ in range(14):
        today = clock.now().astimezone(clock.INDIA).date()
        for method in (*METHODS, "wallet"):
            with shop.world.db(shop.tenant) as db:
                terms = {t.gateway: t for t in queries.terms(db, method)}
            for name in NAMES:
                theirs = price_by_hand(own, name, method, today) if name in NAMES[:2] else None
                expected = theirs or price_by_hand(platform, name, method, today)
                assert expected
                found = terms[name]  # type: ignore[index]
                assert (found.basis_points, found.fixed_paise) == (expected["basis_points"], expected["fixed_paise"])
                compared += 1
        shop.world.advance(timedelta(days=2))
    assert compared == 14 * 4 * 4


def test_what_was_learnt_is_weighed_by_age_as_by_hand(shop: Shop) -> None:
    chance = random.Random(6)
    outcomes: list[tuple[str, str, datetime, bool]] = []
    payment = ids.uuid7()
    for _ in range(24):
        for _ in range(8):
            name, method, failed = chance.choice(NAMES), chance.choice(METHODS), chance.random() < 0.3
            with shop.world.db(shop.tenant) as db:
                queries.became(db, name, method, failed, payment)
            outcomes.append((name, method, clock.now(), failed))
        shop.world.advance(timedelta(hours=chance.randrange(12)))
    now = clock.now()
    for method in ("upi", "card", "wallet"):
        with shop.world.db(shop.tenant) as db:
            found = {t.gateway: t for t in queries.terms(db, method)}
        for name in NAMES:
            weeks, ways = [0, 0], [0, 0]
            for gateway, way, at, failed in outcomes:
                day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
                age = (now - day) // timedelta(days=1)
                if gateway == name and age < len(COUNTS):
                    weeks = [weeks[0] + COUNTS[age], weeks[1] + COUNTS[age] * failed]
                    ways = [ways[0] + COUNTS[age] * (way == method), ways[1] + COUNTS[age] * failed * (way == method)]
            t = found[name]  # type: ignore[index]
            assert [t.week_calls, t.week_failures, t.method_calls, t.method_failures] == [*weeks, *ways]


def a_day_of(exploration: bool, payments: int = 3_000) -> list[str]:
    """Cashfree is the better one, but the first twenty payments there failed."""
    chance = random.Random(3)
    counts = {"razorpay": [2_000, 200], "cashfree": [2_000, 2_000]}
    truth = {"razorpay": 0.90, "cashfree": 0.99}
    went = []
    for n in range(payments):
        terms = [
            Terms(
                gateway=name, basis_points=200, fixed_paise=0, gst_percent=18, preference=place, week_calls=calls,
                week_failures=failures,
            )
            for place, (name, (calls, failures)) in enumerate(counts.items())
        ]  # fmt: skip
        at = routing.bucket_of(uuid5(ids.PLATFORM, str(n))) if exploration else routing.MIDDLE
        rules = Rules(mode="success_rate", exploration_percent=20)
        _, turns = routing.choose(terms, 50_000, frozenset(counts), NOW, rules=rules, bucket=at)
        went.append(turns[0])
        counts[turns[0]][0] += 100
        counts[turns[0]][1] += 100 * (chance.random() >= truth[turns[0]])
    return went


def test_by_its_small_share_a_gateway_that_recovered_comes_back() -> None:
    went = a_day_of(exploration=True)
    assert went[:500].count("cashfree") < 150
    assert went[-500:].count("cashfree") > 350
    assert "cashfree" not in a_day_of(exploration=False)
