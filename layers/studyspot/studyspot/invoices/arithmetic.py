"""Tax in integers of paise, parts that add up to the whole, the financial year, amounts in words as India says them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from studyspot.kit.clock import INDIA

ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
CRORE = 10_000_000
SCALES = ((100_000, "lakh"), (1_000, "thousand"), (100, "hundred"))


def gst(taxable_paise: int, percent: Decimal) -> int:
    """Tax on an amount, half-up to a paisa."""
    return int((taxable_paise * percent / 100).quantize(Decimal(1), ROUND_HALF_UP))


def net_of(gross_paise: int, percent: Decimal) -> int:
    """What is taxed of a price that includes its tax, half-up to a paisa.

    The inverse of adding the tax: a net amount with its tax put on it gives that net amount again.
    """
    return int((gross_paise * 100 / (100 + percent)).quantize(Decimal(1), ROUND_HALF_UP))


def parts(tax_paise: int, between_states: bool) -> tuple[int, int, int]:
    """(CGST, SGST, IGST): halves within a state, an odd paisa goes to the state's."""
    if between_states:
        return 0, 0, tax_paise
    half = tax_paise // 2
    return half, tax_paise - half, 0


def spread(total: int, weights: Sequence[int]) -> list[int]:
    """An amount in parts as the weights are, exact in sum: each part ends where the running total rounds to."""
    whole, run, given = sum(weights), 0, 0
    found = []
    for weight in weights:
        run += weight
        until = (2 * total * run + whole) // (2 * whole) if whole else 0
        found.append(until - given)
        given = until
    return found


def financial_year(moment: datetime) -> str:
    """`26-27` for 1 April 2026 to 31 March 2027, by Indian time."""
    local = moment.astimezone(INDIA)
    first = local.year if local.month >= 4 else local.year - 1
    return f"{first % 100:02}-{(first + 1) % 100:02}"


def in_words(paise: int) -> str:
    """`Rupees one lakh twenty thousand and fifty paise only`."""
    rupees, rest = divmod(paise, 100)
    said = f"Rupees {_words(rupees)}"
    return f"{said} and {_words(rest)} paise only" if rest else f"{said} only"


def _words(number: int) -> str:
    if number >= CRORE:
        return _scaled(number, CRORE, "crore")
    for scale, name in SCALES:
        if number >= scale:
            return _scaled(number, scale, name)
    if number >= 20:
        tens, ones = divmod(number, 10)
        return TENS[tens] + (f"-{ONES[ones]}" if ones else "")
    return ONES[number]


def _scaled(number: int, scale: int, name: str) -> str:
    many, rest = divmod(number, scale)
    return f"{_words(many)} {name}" + (f" {_words(rest)}" if rest else "")


def rupees(paise: int) -> str:
    """`1,23,456.50`: the last three digits, then by two."""
    whole, rest = divmod(abs(paise), 100)
    digits = str(whole)
    head, tail = digits[:-3], digits[-3:]
    groups: list[str] = []
    while head:
        head, group = head[:-2], head[-2:]
        groups.insert(0, group)
    return ("-" if paise < 0 else "") + ",".join([*groups, tail]) + f".{rest:02}"
