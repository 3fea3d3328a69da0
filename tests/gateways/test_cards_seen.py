"""What gateways tell of the card that was used, and what they do not: never a number."""

from __future__ import annotations

import pytest
from studyspot.gateways import cashfree_events, razorpay_events, stripe_events
from studyspot.gateways.payment import card_of


def test_each_gateway_s_own_way_of_telling_a_card() -> None:
    razorpay = razorpay_events.payment_from({"card": {"network": "Visa", "issuer": "HDFC", "last4": "1111"}})
    block = {"card": {"card_number": "XXXXXXXXXXXX1111", "card_network": "visa", "card_bank_name": "HDFC"}}
    cashfree = cashfree_events.payment_from({"payment_method": block}, "order_1")
    assert razorpay.card == cashfree.card == "visa hdfc 1111"
    assert razorpay.fingerprint is cashfree.fingerprint is None
    paid = stripe_events.payment_from({"latest_charge": {"payment_method_details": {"card": {"fingerprint": "Xt5"}}}})
    declined = stripe_events.payment_from({"last_payment_error": {"payment_method": {"card": {"fingerprint": "Xt5"}}}})
    assert paid.fingerprint == declined.fingerprint == "Xt5"


@pytest.mark.parametrize("told", [None, "visa", [], {}, {"last4": "11"}, {"last4": "abcd"}, 7])
def test_what_is_no_card_is_none(told: object) -> None:
    assert razorpay_events.payment_from({"card": told}).card is None
    assert cashfree_events.payment_from({"payment_method": {"card": told}}, "order_1").card is None


def test_no_more_than_the_last_digits_are_kept() -> None:
    assert card_of("visa", None, "4111111111111111") == "visa  1111"
