"""Tax, parts and words: integers in, integers out, and nothing lost between them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some
from studyspot.invoices import arithmetic, states
from studyspot.kyc.models import check_character

RATES = some.sampled_from([Decimal(r) for r in ("0", "5", "12", "18", "28", "40", "0.25", "3")])
PAISE = some.integers(0, 10**13)


def test_a_financial_year_begins_on_the_first_of_april_in_india() -> None:
    assert arithmetic.financial_year(datetime(2027, 3, 31, 18, 29, tzinfo=UTC)) == "26-27"
    assert arithmetic.financial_year(datetime(2027, 3, 31, 18, 30, tzinfo=UTC)) == "27-28"
    assert arithmetic.financial_year(datetime(1999, 5, 1, tzinfo=UTC)) == "99-00"


def test_tax_is_rounded_half_up_to_a_paisa() -> None:
    assert arithmetic.gst(99900, Decimal(18)) == 17982
    assert arithmetic.gst(25, Decimal(18)) == 5  # 4.5


@given(PAISE, RATES)
def test_taking_tax_out_of_a_price_undoes_putting_it_on(net: int, rate: Decimal) -> None:
    assert arithmetic.net_of(net + arithmetic.gst(net, rate), rate) == net


@given(PAISE, some.booleans())
def test_the_parts_of_a_tax_are_the_tax(tax: int, between_states: bool) -> None:
    cgst, sgst, igst = arithmetic.parts(tax, between_states)
    assert cgst + sgst + igst == tax
    assert (cgst, sgst) == (0, 0) if between_states else igst == 0 and 0 <= sgst - cgst <= 1


@given(some.integers(0, 10**12), some.lists(some.integers(1, 10**10), min_size=1, max_size=8))
def test_an_amount_is_spread_without_a_rest(total: int, weights: list[int]) -> None:
    found = arithmetic.spread(total, weights)
    assert sum(found) == total
    whole = sum(weights)
    assert all(abs(part * whole - total * weight) <= whole for part, weight in zip(found, weights, strict=True))


@pytest.mark.parametrize(
    ("paise", "said"),
    [
        (0, "Rupees zero only"),
        (100, "Rupees one only"),
        (1_234_567_850,
         "Rupees one crore twenty-three lakh forty-five thousand six hundred seventy-eight and fifty paise only"),
        (10_000_000, "Rupees one lakh only"),
        (1_000_000_000, "Rupees one crore only"),
        (100_000_000_000_000, "Rupees one lakh crore only"),
        (11_011, "Rupees one hundred ten and eleven paise only"),
        (2_000_005, "Rupees twenty thousand and five paise only"),
    ],
)  # fmt: skip
def test_amounts_are_said_in_lakh_and_crore(paise: int, said: str) -> None:
    assert arithmetic.in_words(paise) == said


WORDS = {**{w: n for n, w in enumerate(arithmetic.ONES)}, **{w: n * 10 for n, w in enumerate(arithmetic.TENS) if w}}


@given(some.integers(0, 10**15))
def test_the_words_say_the_number_again(paise: int) -> None:
    said = arithmetic.in_words(paise).removeprefix("Rupees ").removesuffix(" only")
    rupees, _, rest = said.partition(" and ")
    assert heard(rupees) * 100 + (heard(rest.removesuffix(" paise")) if rest else 0) == paise


def heard(words: str) -> int:
    """What somebody writes down who hears it."""
    if " crore" in words:
        head, _, tail = words.rpartition(" crore")
        return heard(head) * 10_000_000 + heard(tail.strip())
    total = 0
    for scale, worth in (("lakh", 100_000), ("thousand", 1_000), ("hundred", 100)):
        if scale in words:
            head, _, words = words.partition(scale)
            total += heard(head.strip()) * worth
            words = words.strip()
    return total + sum(WORDS[word] for word in words.replace("-", " ").split())


@pytest.mark.parametrize(
    ("paise", "shown"),
    [(0, "0.00"), (99, "0.99"), (100000, "1,000.00"), (12345678, "1,23,456.78"), (-1234567890, "-1,23,45,678.90")],
)
def test_amounts_are_grouped_as_india_does(paise: int, shown: str) -> None:
    assert arithmetic.rupees(paise) == shown


def test_states_are_known_however_they_are_written() -> None:
    assert [states.code_of(name) for name in ("Karnataka", " TAMIL NADU", "Orissa", "J&K", None, "Bavaria")] == [
        "29", "33", "21", None, None, None,
    ]  # fmt: skip
    assert all(len(code) == 2 and check_character(f"{code}AAAAA0000A1Z") for code in states.STATES)
