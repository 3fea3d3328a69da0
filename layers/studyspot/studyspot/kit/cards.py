"""No card number comes in: what looks like one is refused before anything is stored, and never logged.

A number is a card's when a scheme issues numbers that begin so and are that long, and its check digit is right. Digits
count in any script, in groups as they are printed on cards or without, but not inside longer codes: identifiers,
signatures and coordinates have digits too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from studyspot.kit.errors import RuleViolated

if TYPE_CHECKING:
    from studyspot.kit.request import Request

SCHEMES = tuple(
    (re.compile(begins), lengths)
    for begins, lengths in (
        ("4", (13, 16, 19)),  # Visa
        ("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
        ("3[47]", (15,)),  # American Express
        ("30[0-5]|3[689]", (14, 16, 19)),  # Diners Club
        ("60|64[4-9]|65|81|82|508|353|356", (16,)),  # RuPay, Discover
        ("352[89]|35[3-8]", (16, 17, 18, 19)),  # JCB
        ("62", (16, 17, 18, 19)),  # UnionPay
        ("50|5[6-8]|6", (16, 18, 19)),  # Maestro
    )
)
"""How numbers begin, and how long they are."""
GAP = r"[ \-\u00a0\u2009\u202f]"
WHOLE = r"(?<!\+)\d{13,15}|\d{16,19}"
GROUPED = rf"\d{{4}}{GAP}\d{{4}}{GAP}\d{{4}}{GAP}\d{{1,4}}(?:{GAP}\d{{1,3}})?|\d{{4}}{GAP}\d{{6}}{GAP}\d{{4,5}}"
# A word may lean on the number; letters on both sides of digits, again and again, are a code.
LIKELY = re.compile(rf"\d{{13}}|\d{{4}}{GAP}\d{{4}}")
"""In everything that NUMBER finds, and found much sooner; sooner still where all is ASCII, by its shape alone."""
SHAPE = bytes(48 if 48 <= byte <= 57 else 32 if byte in b" -" else 120 for byte in range(256))
NUMBER = re.compile(rf"(?<![^\W_])(?<!\d\.)[^\W\d_]*({WHOLE}|{GROUPED})(?:\.0+)?[^\W\d_]*(?![^\W_]|\.\d)")
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
SECRETS = re.compile(r'"(?:cvv2?|cvc2?|card_?(?:number|pin|cvv)|(?:atm|upi)_?pin)"\s*:\s*"?\d', re.IGNORECASE)
"""What stands beside a card's number and is asked for by nobody here."""
STORED_HEADERS = ("user-agent", "idempotency-key")


class CardNumber(RuleViolated):
    """Card numbers, and the codes that belong to them, are entered at the payment gateway and nowhere else."""

    code = "card_number_refused"
    kept = False
    fix = "Leave the card's number out. If it is another number that only looks like one, write it with other words."


def found(text: str) -> bool:
    """Whether there is a card's number in it."""
    return _likely(text) and any(_is_card(match[1]) for match in NUMBER.finditer(text))


def _likely(text: str) -> bool:
    if not text.isascii():
        return LIKELY.search(text) is not None
    shape = text.encode().translate(SHAPE)
    return b"0000000000000" in shape or b"0000 0000" in shape


def hidden(text: str) -> str:
    """The same without card numbers: for what must be written down."""
    return NUMBER.sub(lambda match: "***" if _is_card(match[1]) else match[0], text)


def refuse_in(text: str) -> None:
    """CardNumber if there is one."""
    if "\\u" in text:  # JSON may write any letter, digits too, as its number
        text = ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    if found(text) or ('"' in text and SECRETS.search(text)):
        raise CardNumber


def refuse_anywhere(request: Request) -> None:
    """In path, query, body, and the headers that are kept. Workbooks are looked at cell by cell where they are read."""
    from urllib.parse import unquote_plus

    refuse_in(unquote_plus(request.path))
    for value in request.query.values():
        refuse_in(value)
    for name in STORED_HEADERS:
        refuse_in(request.headers.get(name, ""))
    body = request.body
    if body and not body.startswith(b"PK\x03\x04"):
        text = body.decode("utf-8", "replace")
        refuse_in(unquote_plus(text) if request.media_type == "application/x-www-form-urlencoded" else text)


def _is_card(told: str) -> bool:
    digits = [int(sign) for sign in told if sign.isdecimal()]
    number = "".join(map(str, digits))
    if not any(len(number) in lengths and begins.match(number) for begins, lengths in SCHEMES):
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
