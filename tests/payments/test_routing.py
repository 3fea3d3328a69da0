"""Which gateway is cheapest, to the paisa, and what the decision says of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from studyspot.payments import routing
from studyspot.payments.models import AmountTooSmall, NoGateway
from studyspot.payments.routing import Terms

from tests.fulfilment.shop import Shop

NOW = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)
BOTH = frozenset({"razorpay", "cashfree"})


def terms(gateway: str, **more: object) -> Terms:
    price = {"cashfree": (150, 300, 1), "razorpay": (200, 0, 2)}[gateway]
    facts = {
        "gateway": gateway, "basis_points": price[0], "fixed_paise": price[1], "preference": price[2],
        "gst_percent": 18, "minute_calls": 0, "minute_failures": 0, "failed_at": None,
        "week_calls": 0, "week_failures": 0,
    }  # fmt: skip
    return Terms.model_validate(facts | more)


RAZORPAY, CASHFREE = terms("razorpay"), terms("cashfree")


def test_a_thousand_payments_cost_13_200_instead_of_15_000_rupees() -> None:
    amounts = [120_000] * 600 + [7_500] * 400
    assert sum(amounts) // len(amounts) == 75_000
    alone = sum(RAZORPAY.fee(amount) for amount in amounts)
    routed = sum(routing.choose([RAZORPAY, CASHFREE], amount, BOTH, NOW)[0].fee_paise for amount in amounts)
    assert (alone, routed) == (15_000_00, 13_200_00)
    assert ((alone - routed) * 100 // alone, (alone - routed) * 12) == (12, 21_600_00)


@pytest.mark.parametrize(
    ("rupees", "chosen"), [(1, "razorpay"), (599, "razorpay"), (601, "cashfree"), (5000, "cashfree")]
)
def test_the_break_even_is_at_six_hundred(rupees: int, chosen: str) -> None:
    decision, turns = routing.choose([RAZORPAY, CASHFREE], rupees * 100, BOTH, NOW)
    assert (turns[0], len(turns)) == (chosen, 2)
    assert decision.total_paise == decision.fee_paise + decision.gst_paise


def test_a_tie_goes_to_the_better_success_rate_then_to_cashfree() -> None:
    decision, turns = routing.choose([RAZORPAY, CASHFREE], 60_000, BOTH, NOW)
    assert (turns[0], decision.reason, decision.fee_paise) == ("cashfree", "configured_order", 1200)
    better = terms("razorpay", week_calls=100, week_failures=2)
    worse = terms("cashfree", week_calls=100, week_failures=9)
    decision, turns = routing.choose([worse, better], 60_000, BOTH, NOW)
    assert (turns[0], decision.reason) == ("razorpay", "success_rate")


def test_a_failing_gateway_is_left_alone_for_half_a_minute() -> None:
    failing = terms("razorpay", minute_calls=10, minute_failures=5, failed_at=NOW)
    decision, turns = routing.choose([failing, CASHFREE], 1_000, BOTH, NOW)
    assert (turns, decision.reason) == (["cashfree"], "only_candidate")
    assert [(c.gateway, c.eligible) for c in decision.candidates] == [("razorpay", False), ("cashfree", True)]
    _, turns = routing.choose([failing, CASHFREE], 1_000, BOTH, NOW + timedelta(seconds=30))
    assert turns[0] == "razorpay"
    few = terms("razorpay", minute_calls=9, minute_failures=9, failed_at=NOW)
    assert routing.choose([few, CASHFREE], 1_000, BOTH, NOW)[1][0] == "razorpay"


def test_pinned_or_without_an_account() -> None:
    assert routing.choose([RAZORPAY, CASHFREE], 1_000, BOTH, NOW, "cashfree")[1] == ["cashfree"]
    assert routing.choose([RAZORPAY, CASHFREE], 1_000, frozenset({"cashfree"}), NOW)[1] == ["cashfree"]
    with pytest.raises(NoGateway):
        routing.choose([RAZORPAY, CASHFREE], 1_000, frozenset(), NOW)


def test_an_amount_below_what_a_vendor_takes_goes_elsewhere_or_nowhere() -> None:
    assert len(routing.choose([RAZORPAY, CASHFREE], 100, BOTH, NOW)[1]) == 2
    with pytest.raises(AmountTooSmall):
        routing.choose([RAZORPAY, CASHFREE], 99, BOTH, NOW)


def test_costs_never_fall_with_the_amount() -> None:
    totals = [t.total(amount) for t in (RAZORPAY, CASHFREE) for amount in range(100, 90_000, 7)]
    half = len(totals) // 2
    assert all(a <= b for part in (totals[:half], totals[half:]) for a, b in pairwise(part))


def test_a_quote_is_for_owners_and_says_what_a_payment_would_get(shop: Shop) -> None:
    call = shop.world.call
    assert call("routing", "POST", "/payments/routing/quote", shop.token, {"amountPaise": 75000}).status == 403
    quote = call("routing", "POST", "/payments/routing/quote", shop.owner, {"amountPaise": 75000}).data
    assert (quote["gateway"], quote["feePaise"], quote["gstPaise"], quote["totalPaise"]) == (
        "cashfree",
        1425,
        257,
        1682,
    )


def test_the_health_of_the_gateways_is_counted(shop: Shop) -> None:
    shop.fault("razorpay", "down", "create_order")
    shop.create(shop.book())
    health = {row["gateway"]: row for row in shop.get("/payments/gateways/health")}
    assert (health["razorpay"]["failures"], health["cashfree"]["failures"]) == (1, 0)
    assert health["razorpay"]["circuit"] == "closed"


def test_fees_are_dated(shop: Shop) -> None:
    from studyspot.payments import queries

    with shop.world.db(shop.tenant) as db:
        assert {t.gateway: t.basis_points for t in queries.terms(db)} == {
            "cashfree": 150, "razorpay": 200, "paytm": 250, "stripe": 300,
        }  # fmt: skip
