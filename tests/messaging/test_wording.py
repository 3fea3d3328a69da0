"""Registered texts leave letter by letter, and are counted as the operators count them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from studyspot.kit.clock import INDIA
from studyspot.messaging import hours
from studyspot.messaging.models import TemplateMismatch, UrlNotWhitelisted, VariableTooLong
from studyspot.messaging.segments import size
from studyspot.messaging.wording import TEMPLATES, VARIABLE
from studyspot.policies.models import Messages

RECEIPT = TEMPLATES["payment_receipt"]
FITTING = {"name": "Student 017", "amount": "499", "purpose": "seat A-01", "receipt": "R/1"}


def test_the_texts_of_the_product_are_gsm7_and_name_all_their_variables() -> None:
    assert set(TEMPLATES) == {
        "otp_login", "admission_welcome", "fee_due_reminder", "payment_receipt", "membership_expiry",
        "booking_confirmation", "guardian_check_in", "guardian_check_out", "seat_offer",
        "payment_link",
    }  # fmt: skip
    for template in TEMPLATES.values():
        assert template.text.count(VARIABLE) == len(template.variables)
        assert size(template.text.replace(VARIABLE, "x")) == ("gsm7", 1)


def test_outside_the_variables_not_a_letter_changes() -> None:
    text = RECEIPT.render(FITTING)
    assert text == "Dear Student 017, received Rs 499 for seat A-01. Receipt R/1. - StudySpot"
    assert TEMPLATES["otp_login"].render({"code": "{#var#}", "minutes": "5"}).startswith("{#var#} is your")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"name": "x" * 31}, VariableTooLong),
        ({"name": ""}, TemplateMismatch),
        ({"more": "x"}, TemplateMismatch),
        ({"name": "a\nb"}, TemplateMismatch),
        ({"purpose": "see http://evil.example"}, UrlNotWhitelisted),
        ({"purpose": "go to evil.com now"}, UrlNotWhitelisted),
    ],
)
def test_what_an_operator_would_scrub_is_refused_with_the_field(change: dict[str, str], refusal: type) -> None:
    with pytest.raises(refusal) as refused:
        RECEIPT.check({**FITTING, **change})
    assert refused.value.members["errors"][0]["field"].startswith("variables.")


def test_our_own_messages_are_made_to_fit() -> None:
    typed = {
        "name": "अनुराधा",
        "amount": "₹1,499",
        "purpose": "a “very” long… purpose " * 3,
        "receipt": "www.evil.example",
    }
    fitted = RECEIPT.fitted(typed)
    assert fitted["name"] == "customer"
    assert fitted["amount"] == "Rs 1,499"
    assert len(fitted["purpose"]) <= 30
    assert fitted["receipt"] == "-"
    assert size(RECEIPT.render(fitted)).encoding == "gsm7"
    assert RECEIPT.fitted({**FITTING, "name": "José"})["name"] == "Jose"
    with pytest.raises(TemplateMismatch):
        RECEIPT.fitted({"name": "x"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("gsm7", 1)),
        ("a" * 160, ("gsm7", 1)),
        ("a" * 161, ("gsm7", 2)),
        ("a" * 306, ("gsm7", 2)),
        ("a" * 307, ("gsm7", 3)),
        ("€" * 80, ("gsm7", 1)),
        ("€" * 81, ("gsm7", 2)),
        ("a" * 152 + "€" + "a" * 152, ("gsm7", 3)),
        ("Rs 499 @ Ñ Δ", ("gsm7", 1)),
        ("₹" + "a" * 69, ("ucs2", 1)),
        ("₹" + "a" * 70, ("ucs2", 2)),
        ("न" * 134, ("ucs2", 2)),
        ("न" * 135, ("ucs2", 3)),
        ("😀" * 35, ("ucs2", 1)),
        ("😀" * 36, ("ucs2", 2)),
        ("न" * 66 + "😀" + "न" * 66, ("ucs2", 3)),
    ],
)
def test_segments_are_counted_as_operators_do(text: str, expected: tuple[str, int]) -> None:
    assert size(text) == expected


@pytest.mark.parametrize(
    ("hour", "minute", "day", "until"),
    [(21, 59, 0, None), (22, 0, 1, 8), (23, 59, 1, 8), (3, 0, 0, 8), (8, 0, 0, None)],
)
def test_the_night_ends_at_eight_in_india(hour: int, minute: int, day: int, until: int | None) -> None:
    now = datetime(2026, 11, 21, hour, minute, tzinfo=INDIA)
    expected = now if until is None else datetime(2026, 11, 21 + day, until, tzinfo=INDIA)
    assert hours.allowed_from(now, None, Messages()) == expected
    assert hours.allowed_from(now, now - timedelta(minutes=30), Messages()) == now
    assert hours.allowed_from(now, now - timedelta(minutes=31), Messages()) == expected
