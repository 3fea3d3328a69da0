"""The router and an oracle that shares no code with it decide alike; `make routing-oracle` takes 100,000 payments."""

from __future__ import annotations

import pytest
from studyspot.payments import routing
from studyspot.payments.models import Rules, Terms

from local.proofs import routing_oracle

EVERY_REASON = {
    "all", "configured_order", "exploration", "lowest_cost", "no_gateway", "only_candidate", "pinned", "priority",
    "rule", "success_rate", "volume_split",
}  # fmt: skip


def test_payments_at_random_are_decided_as_brute_force_decides_them() -> None:
    seen = routing_oracle.compare(2_500, seed=7)
    assert seen.keys() == EVERY_REASON


@pytest.mark.slow
def test_a_hundred_thousand_of_them() -> None:
    assert routing_oracle.compare(100_000, seed=1)["all"] == 100_000


def _dearest(t: Terms, amount: int) -> tuple[int, ...]:
    return t.priority, -t.total(amount), -t.rate, t.preference


def _careless(t: Terms, amount: int) -> tuple[int, ...]:
    return t.priority, t.total(amount), t.preference


def _always_first(_: object) -> int:
    return 0


def _no_word(_: object) -> routing.Word:
    return routing.Word()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("_by_cost", _dearest),
        ("_by_cost", _careless),
        ("bucket_of", lambda _: 0),
        ("_by_rule", lambda _: routing.Word()),
    ],
)
def test_a_router_that_is_wrong_is_found_out(name: str, wrong: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, name, wrong)
    with pytest.raises(AssertionError):
        routing_oracle.compare(4_000, seed=7)


def test_rounding_is_half_up_to_the_paisa() -> None:
    facts = {"gateway": "razorpay", "basis_points": 150, "fixed_paise": 0, "gst_percent": 18, "preference": 1}
    terms = Terms.model_validate(facts)
    assert [terms.fee(amount) for amount in (33, 34, 100, 300)] == [0, 1, 2, 5]
    assert Rules().mode == "cost"
