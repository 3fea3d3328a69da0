"""What one cell of a spreadsheet says, as it is kept: a phone, a name, a day; or why it cannot be taken."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any, Literal

from studyspot.kit.models import EMAIL
from studyspot.students.models import OLDEST, TAG_TEXT

Code = Literal["required", "invalid", "duplicate_in_file", "phone_exists", "guardian_consent_required"]
GENDERS = {"m": "male", "male": "male", "f": "female", "female": "female", "o": "other", "other": "other"}
NUMBER = re.compile(r"[6-9][0-9]{9}\Z")
PIN = re.compile(r"[1-9][0-9]{5}\Z")
TAG = re.compile(TAG_TEXT)
DAY_FIRST = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})\Z")
FORMULA = "=+-@"
QUOTED = re.compile(r"'+[=+\-@\t\r]")
"""As a spreadsheet is told that this is text: the first apostrophe is not part of it."""
JOINERS = str.maketrans("", "", "\u200c\u200d")
"""Indian scripts need them inside of words, though they print nothing."""
MOST_TAGS = 20


class Bad(ValueError):
    """A cell that cannot be taken."""

    code: Code = "invalid"


class Missing(Bad):
    """A cell that must not be blank."""

    code = "required"


def phone(cell: str) -> str:
    number = other_phone(cell)
    if number is None:
        raise Missing("a phone number is needed")
    return number


def other_phone(cell: str) -> str | None:
    """As sheets and people write them: `9876543210.0`, `098765 43210`, `+91-98765-43210`."""
    if len(cell) == 10 and NUMBER.match(cell):
        return f"+91{cell}"
    text = cell.strip().lstrip("'").removesuffix(".0")
    if not text or text == "-":
        return None
    number = re.sub(r"[\s().-]", "", text)
    for prefix, length in (("+91", 13), ("91", 12), ("0", 11)):
        if len(number) == length and number.startswith(prefix):
            number = number.removeprefix(prefix)
            break
    if not NUMBER.match(number):
        raise Bad("not an Indian mobile number")
    return f"+91{number}"


def text(cell: str, longest: int = 200, *, lines: bool = False) -> str | None:
    """Text of one line, or of several."""
    said = _said(cell)
    if said is None:
        return None
    if not said.isprintable():
        said = "\n".join(" ".join(line.split()) for line in said.splitlines()) if lines else " ".join(said.split())
        if not said.translate(JOINERS).replace("\n", "").isprintable():
            raise Bad("contains characters that cannot be printed")
    if len(said) > longest:
        raise Bad(f"at most {longest} characters")
    return said or None


def _said(cell: str) -> str | None:
    """What would be run as a formula is no text; what is marked as text may begin with anything."""
    said = cell.strip()
    if not said or said == "-":
        return None
    if said[0] in FORMULA:
        raise Bad("text must not begin with =, +, - or @")
    return said[1:] if said[0] == "'" and QUOTED.match(said) else said


def name(cell: str) -> str:
    said = text(cell)
    if said is None:
        raise Missing("a name is needed")
    return said


def email(cell: str) -> str | None:
    if not cell:
        return None
    address = _said(cell.lower())
    if address is not None and (len(address) > 254 or not EMAIL.fullmatch(address) or ".." in address):
        raise Bad("not a valid e-mail address")
    return address


def gender(cell: str) -> str | None:
    word = cell.strip().lower()
    if not word or word == "-":
        return None
    if word not in GENDERS:
        raise Bad("expected male, female or other")
    return GENDERS[word]


def pincode(cell: str) -> str | None:
    pin = cell.replace(" ", "").removesuffix(".0")
    if not pin or pin == "-":
        return None
    if not PIN.match(pin):
        raise Bad("a PIN code has six digits")
    return pin


def birth(cell: str) -> date | None:
    said = cell.strip()
    if not said or said == "-":
        return None
    day_first = DAY_FIRST.match(said)
    try:
        born = date(*map(int, reversed(day_first.groups()))) if day_first else date.fromisoformat(said[:10])
    except ValueError:
        raise Bad("expected a date as YYYY-MM-DD or DD/MM/YYYY") from None
    if born < OLDEST:
        raise Bad("not a date of birth")
    return born


def tags(cell: str) -> tuple[str, ...] | None:
    """As the desk writes them: `night, vip`."""
    found = sorted({tag for part in cell.lower().split(",") if (tag := part.strip())})
    if not found or found == ["-"]:
        return None
    if len(found) > MOST_TAGS or not all(len(tag) <= 40 and TAG.match(tag) and tag.isprintable() for tag in found):
        raise Bad(f"at most {MOST_TAGS} tags of 40 characters, with commas in between")
    return tuple(found)


def code(cell: str) -> str | None:
    """A student's number."""
    return text(cell.upper(), 40)


READERS: dict[str, Callable[[str], Any]] = {
    "first_name": name, "name": name, "last_name": text, "phone": phone, "email": email, "gender": gender,
    "date_of_birth": birth, "address": lambda cell: text(cell, 2000, lines=True), "city": text, "state": text,
    "pincode": pincode, "guardian_name": text, "guardian_phone": other_phone, "exam_target": text,
    "alternate_phone": other_phone, "tags": tags, "notes": lambda cell: text(cell, 2000, lines=True),
    "student_code": code,
}  # fmt: skip
