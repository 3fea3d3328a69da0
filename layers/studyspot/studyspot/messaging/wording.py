"""Registered SMS texts (DLT): the product's own as data, and rendering that changes nothing but variables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from studyspot.messaging.models import TemplateMismatch, UrlNotWhitelisted, VariableTooLong
from studyspot.messaging.segments import BASIC, EXTENDED

VARIABLE = "{#var#}"
LONGEST = 30
"""TRAI: a variable of a registered text has at most 30 characters."""
LINK = re.compile(r"https?:|www\.|\b[a-z0-9-]+\.(?:com|in|org|net|io|co|me|ly|app|link|info|xyz)\b", re.IGNORECASE)
ASCII_FOR = str.maketrans(
    {
        "\u20b9": "Rs ",
        "\u2013": "-",
        "\u2014": "-",
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2026": "...",
    }
)
"""Rupee sign, dashes, quotes and ellipsis are not in GSM-7; one of them would make two messages out of one."""


@dataclass(frozen=True)
class Template:
    """A registered text: `{#var#}` marks, and what they stand for in order."""

    code: str
    text: str
    variables: tuple[str, ...]
    own_act: bool = False
    """Caused by what the recipient just did, so it may go in quiet hours for 30 minutes."""
    secrets: tuple[str, ...] = ()
    is_otp: bool = False
    usual: Mapping[str, str] = field(default_factory=dict)
    """What a variable says unless the caller says otherwise."""

    def check(self, variables: Mapping[str, str]) -> None:
        """Refuse what an operator would scrub, with the reason, before any credit is spent."""
        missing = [name for name in self.variables if not variables.get(name, "").strip()]
        unknown = [name for name in variables if name not in self.variables]
        if missing or unknown:
            faults = [{"field": f"variables.{n}", "message": "required"} for n in missing]
            faults += [{"field": f"variables.{n}", "message": "not in the registered text"} for n in unknown]
            raise TemplateMismatch(errors=faults)
        for name, value in variables.items():
            fault = [{"field": f"variables.{name}", "message": f"at most {LONGEST} characters and no link"}]
            if len(value) > LONGEST:
                raise VariableTooLong(errors=fault)
            if LINK.search(value):
                raise UrlNotWhitelisted(errors=fault)
            if not value.isprintable():
                raise TemplateMismatch(errors=[{"field": f"variables.{name}", "message": "one line of plain text"}])

    def render(self, variables: Mapping[str, str]) -> str:
        """Exactly the registered text outside the variables."""
        first, *rest = self.text.split(VARIABLE)
        return first + "".join(variables[n] + part for n, part in zip(self.variables, rest, strict=True))

    def fitted(self, variables: Mapping[str, object]) -> dict[str, str]:
        """Our own messages always fit: plain GSM-7, 30 characters, no link, whatever somebody typed as a name."""
        given = {**self.usual, **variables}
        if missing := [name for name in self.variables if name not in given]:
            raise TemplateMismatch(errors=[{"field": f"variables.{n}", "message": "required"} for n in missing])
        return {name: _fitted(name, str(given[name])) for name in self.variables}


def _fitted(name: str, value: str) -> str:
    plain = unicodedata.normalize("NFKD", value.translate(ASCII_FOR))
    plain = "".join(c for c in plain if c.isprintable() and (c in BASIC or c in EXTENDED))
    short = re.sub(r"\s+", " ", plain).strip()[:LONGEST].strip()
    if not short or LINK.search(short):
        return "customer" if name == "name" else "-"
    return short


TEMPLATES = {
    template.code: template
    for template in (
        Template(
            "otp_login",
            "{#var#} is your StudySpot login code, valid for {#var#} minutes. Do not share it with anyone.",
            ("code", "minutes"),
            own_act=True,
            secrets=("code",),
            is_otp=True,
            usual={"minutes": "5"},
        ),
        Template(
            "admission_welcome",
            "Welcome to {#var#}, {#var#}. Your student number is {#var#}. - StudySpot",
            ("library", "name", "number"),
        ),
        Template(
            "fee_due_reminder",
            "Dear {#var#}, your fee of Rs {#var#} at {#var#} is due on {#var#}. - StudySpot",
            ("name", "amount", "library", "date"),
        ),
        Template(
            "payment_link",
            "Dear {#var#}, pay Rs {#var#} for {#var#} by {#var#} at studyspot.dev/pay/{#var#} - StudySpot",
            ("name", "amount", "purpose", "date", "code"),
        ),
        Template(
            "payment_receipt",
            "Dear {#var#}, received Rs {#var#} for {#var#}. Receipt {#var#}. - StudySpot",
            ("name", "amount", "purpose", "receipt"),
            own_act=True,
        ),
        Template(
            "membership_expiry",
            "Dear {#var#}, your membership at {#var#} ends on {#var#}. - StudySpot",
            ("name", "library", "date"),
        ),
        Template(
            "seat_offer",
            "Dear {#var#}, seat {#var#} at {#var#} from {#var#} is offered to you. Accept it by {#var#}. - StudySpot",
            ("name", "seat", "library", "start", "until"),
        ),
        Template(
            "booking_confirmation",
            "Dear {#var#}, seat {#var#} at {#var#} is booked from {#var#} to {#var#}. - StudySpot",
            ("name", "seat", "library", "start", "end"),
            own_act=True,
        ),
        # Told while it happens, so quiet hours do not hold them back (check-ins are exempt).
        Template(
            "guardian_check_in",
            "Dear {#var#}, {#var#} came to {#var#} at {#var#}. - StudySpot",
            ("name", "student", "library", "time"),
            own_act=True,
        ),
        Template(
            "guardian_check_out",
            "Dear {#var#}, {#var#} left {#var#} at {#var#}. - StudySpot",
            ("name", "student", "library", "time"),
            own_act=True,
        ),
    )
}
