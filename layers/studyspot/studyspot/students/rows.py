"""The rows of an import, checked column by column; every bad row is named, none stops a good one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from uuid import UUID

from studyspot.kit.models import EMAIL
from studyspot.students.models import OLDEST, ConsentRule, ImportFileInvalid, RowFault, RowNotice
from studyspot.students.sheets import Sheet

Code = Literal["required", "invalid", "duplicate_in_file", "phone_exists", "guardian_consent_required"]
FIELDS = {
    "firstname": "first_name", "lastname": "last_name", "phone": "phone", "email": "email", "gender": "gender",
    "dateofbirth": "date_of_birth", "address": "address", "city": "city", "state": "state", "pincode": "pincode",
    "guardianname": "guardian_name", "guardianphone": "guardian_phone", "examtarget": "exam_target",
    "librarycode": "library_code", "name": "name", "studentname": "name", "fullname": "name", "mobile": "phone",
    "mobileno": "phone", "phonenumber": "phone", "contact": "phone",
}  # fmt: skip
"""Header names without case, blanks and underscores, and what they mean here."""
SHOWN = {
    "first_name": "firstName", "last_name": "lastName", "date_of_birth": "dateOfBirth", "exam_target": "examTarget",
    "guardian_name": "guardianName", "guardian_phone": "guardianPhone", "library_code": "libraryCode",
}  # fmt: skip
GENDERS = {"m": "male", "male": "male", "f": "female", "female": "female", "o": "other", "other": "other"}
NUMBER = re.compile(r"[6-9][0-9]{9}\Z")
PIN = re.compile(r"[1-9][0-9]{5}\Z")
DAY_FIRST = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})\Z")
FORMULA = "=+-@"
JOINERS = str.maketrans("", "", "\u200c\u200d")
"""Indian scripts need them inside of words, though they print nothing."""


class Bad(ValueError):
    """A cell that cannot be taken."""

    code: Code = "invalid"


class Missing(Bad):
    """A cell that must not be blank."""

    code = "required"


@dataclass(frozen=True)
class Surroundings:
    """What rows are checked against besides themselves."""

    libraries: Mapping[str, UUID]
    """By code, in lower case."""
    library_id: UUID | None
    """Where rows without a libraryCode go."""
    bound_to: Collection[UUID] | None
    rule: ConsentRule
    today: date


@dataclass
class Checked:
    """The rows that can be taken, by column, and what is wrong with the others."""

    rows: int
    lines: list[int]
    columns: dict[str, list[Any]]
    ignored: list[str]
    faults: list[RowFault] = field(default_factory=list)
    notices: list[RowNotice] = field(default_factory=list)

    def drop(self, faults: Sequence[RowFault]) -> None:
        """Refuse further rows."""
        gone = {fault.line for fault in faults}
        keep = [n for n, line in enumerate(self.lines) if line not in gone]
        self.columns = {name: [values[n] for n in keep] for name, values in self.columns.items()}
        self.lines = [self.lines[n] for n in keep]
        self.faults = sorted([*self.faults, *faults], key=lambda fault: fault.line)
        self.notices = [notice for notice in self.notices if notice.line not in gone]


def checked(sheet: Sheet, around: Surroundings) -> Checked:
    """All rows of a sheet, the good ones ready to be stored."""
    places, ignored = _header(sheet.header)
    width = len(sheet.header)
    faults = [
        _fault(line, "row", "more cells than the header has")
        for line, row in zip(sheet.lines, sheet.rows, strict=True)
        if len(row) > width and any(row[width:])
    ]
    rows = [row if len(row) == width else (row + [""] * width)[:width] for row in sheet.rows]
    cells = dict(enumerate(zip(*rows, strict=True))) if rows else {}
    result = Checked(len(rows), sheet.lines, {}, ignored)
    for name, index in places.items():
        reader = _library(around) if name == "library_code" else READERS[name]
        result.columns[name] = _column(name, cells.get(index, ()), reader, sheet.lines, faults)
    _place(result, around, faults)
    _split_names(result.columns)
    _mind_minors(result, around, faults)
    result.drop(faults)
    result.drop(_repeated(result))
    return result


def _header(header: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    places: dict[str, int] = {}
    ignored = []
    for index, title in enumerate(header):
        name = FIELDS.get(re.sub(r"[\s_]", "", title).lower())
        if name is None or name in places:
            ignored.append(title.strip())
        else:
            places[name] = index
    if "first_name" in places and "name" in places:
        ignored.append(header[places.pop("name")].strip())
    for name, titles in (("phone", ("phone",)), ("firstName", ("first_name", "name"))):
        if not any(title in places for title in titles):
            raise ImportFileInvalid(
                f"the column {name} is missing", errors=[{"field": name, "message": "the column is missing"}]
            )
    return places, [title for title in ignored if title]


def _column(
    name: str, cells: Sequence[str], read: Callable[[str], Any], lines: Sequence[int], faults: list[RowFault]
) -> list[Any]:
    values = []
    for index, cell in enumerate(cells):
        try:
            values.append(read(cell))
        except Bad as bad:
            values.append(None)
            shown = "firstName" if name == "name" else SHOWN.get(name, name)
            faults.append(RowFault(line=lines[index], field=shown, code=bad.code, message=str(bad)))
    return values


def _fault(line: int, name: str, message: str, code: Code = "invalid") -> RowFault:
    return RowFault(line=line, field=name, code=code, message=message)


def _place(result: Checked, around: Surroundings, faults: list[RowFault]) -> None:
    """Every row gets its library: by its own code, else the one of the request, else the only one there is."""
    named = result.columns.pop("library_code", None) or [None] * result.rows
    result.columns["library_id"] = placed = [library or around.library_id for library in named]
    if around.library_id is None:
        known_bad = {fault.line for fault in faults if fault.field == "libraryCode"}
        faults += [
            _fault(line, "libraryCode", "name the library of this row", "required")
            for line, library in zip(result.lines, placed, strict=True)
            if library is None and line not in known_bad
        ]


def _split_names(columns: dict[str, list[Any]]) -> None:
    """A full name is a first name and the rest, unless the sheet has last names of its own."""
    names = columns.pop("name", None)
    if names is None:
        return
    if "last_name" in columns:
        columns["first_name"] = names
        return
    parts = [(name or "").split(" ", 1) for name in names]
    columns["first_name"] = [part[0] for part in parts]
    columns["last_name"] = [part[1] if len(part) > 1 else None for part in parts]


def _mind_minors(result: Checked, around: Surroundings, faults: list[RowFault]) -> None:
    """Listed until the dated rule binds, refused from then on: a file cannot carry a guardian's consent."""
    binding = around.rule.in_force(around.today)
    text = f"under {around.rule.below_age}, and no guardian's consent is on record"
    for line, born in zip(result.lines, result.columns.get("date_of_birth", ()), strict=False):
        if born is None or not around.rule.minor(born, around.today):
            continue
        if born > around.today:
            faults.append(_fault(line, "dateOfBirth", "not a date of birth"))
        elif binding:
            faults.append(_fault(line, "dateOfBirth", text, "guardian_consent_required"))
        else:
            notice = RowNotice(line=line, field="dateOfBirth", code="guardian_consent_missing", message=text)
            result.notices.append(notice)


def _repeated(result: Checked) -> list[RowFault]:
    first: dict[str, int] = {}
    faults = []
    for line, number in zip(result.lines, result.columns["phone"], strict=True):
        if first.setdefault(number, line) != line:
            faults.append(_fault(line, "phone", f"the same phone as in line {first[number]}", "duplicate_in_file"))
    return faults


def _library(around: Surroundings) -> Callable[[str], UUID | None]:
    def read(cell: str) -> UUID | None:
        code = cell.strip().lower()
        if not code:
            return None
        library = around.libraries.get(code)
        if library is None or (around.bound_to is not None and library not in around.bound_to):
            raise Bad("no library has this code")
        return library

    return read


def _phone(cell: str) -> str:
    if len(cell) == 10 and NUMBER.match(cell):
        return f"+91{cell}"
    number = _other_phone(cell)
    if number is None:
        raise Missing("a phone number is needed")
    return number


def _other_phone(cell: str) -> str | None:
    """As sheets and people write them: `9876543210.0`, `098765 43210`, `+91-98765-43210`."""
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


def _text(cell: str, longest: int = 200) -> str | None:
    text = cell.strip()
    if not text or text == "-":
        return None
    if text[0] in FORMULA:
        raise Bad("text must not begin with =, +, - or @")
    if not text.isprintable():
        text = " ".join(text.split())
        if not text.translate(JOINERS).isprintable():
            raise Bad("contains characters that cannot be printed")
    if len(text) > longest:
        raise Bad(f"at most {longest} characters")
    return text


def _name(cell: str) -> str:
    name = _text(cell)
    if name is None:
        raise Missing("a name is needed")
    return name


def _email(cell: str) -> str | None:
    address = cell.strip().lower()
    if not address or address == "-":
        return None
    if address[0] in FORMULA or len(address) > 254 or not EMAIL.fullmatch(address) or ".." in address:
        raise Bad("not a valid e-mail address")
    return address


def _gender(cell: str) -> str | None:
    word = cell.strip().lower()
    if not word or word == "-":
        return None
    if word not in GENDERS:
        raise Bad("expected male, female or other")
    return GENDERS[word]


def _pincode(cell: str) -> str | None:
    pin = cell.replace(" ", "").removesuffix(".0")
    if not pin or pin == "-":
        return None
    if not PIN.match(pin):
        raise Bad("a PIN code has six digits")
    return pin


def _birth(cell: str) -> date | None:
    text = cell.strip()
    if not text or text == "-":
        return None
    day_first = DAY_FIRST.match(text)
    try:
        born = date(*map(int, reversed(day_first.groups()))) if day_first else date.fromisoformat(text[:10])
    except ValueError:
        raise Bad("expected a date as YYYY-MM-DD or DD/MM/YYYY") from None
    if born < OLDEST:
        raise Bad("not a date of birth")
    return born


READERS: dict[str, Callable[[str], Any]] = {
    "first_name": _name, "name": _name, "last_name": _text, "phone": _phone, "email": _email, "gender": _gender,
    "date_of_birth": _birth, "address": lambda cell: _text(cell, 2000), "city": _text, "state": _text,
    "pincode": _pincode, "guardian_name": _text, "guardian_phone": _other_phone, "exam_target": _text,
}  # fmt: skip
