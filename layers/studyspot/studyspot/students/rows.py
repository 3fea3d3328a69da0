"""The rows of an import, checked column by column; every bad row is named, none stops a good one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from studyspot.students.cells import READERS, Bad, Code
from studyspot.students.models import ConsentRule, ImportFileInvalid, ImportKey, RowFault, RowNotice
from studyspot.students.sheets import Sheet

FIELDS = {
    "firstname": "first_name", "lastname": "last_name", "phone": "phone", "email": "email", "gender": "gender",
    "dateofbirth": "date_of_birth", "address": "address", "city": "city", "state": "state", "pincode": "pincode",
    "guardianname": "guardian_name", "guardianphone": "guardian_phone", "examtarget": "exam_target",
    "librarycode": "library_code", "name": "name", "studentname": "name", "fullname": "name", "mobile": "phone",
    "mobileno": "phone", "phonenumber": "phone", "contact": "phone", "alternatephone": "alternate_phone",
    "tags": "tags", "notes": "notes", "studentcode": "student_code", "enrolmentnumber": "student_code",
    "enrolmentno": "student_code",
}  # fmt: skip
"""Header names without case, blanks and underscores, and what they mean here."""
SHOWN = {
    "first_name": "firstName", "last_name": "lastName", "date_of_birth": "dateOfBirth", "exam_target": "examTarget",
    "guardian_name": "guardianName", "guardian_phone": "guardianPhone", "library_code": "libraryCode",
    "alternate_phone": "alternatePhone", "student_code": "studentCode", "name": "firstName",
}  # fmt: skip


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
    key: ImportKey = "phone"
    """What tells whether a student is here already."""
    consented: Collection[str] = ()
    """Phones and numbers of students whose guardian's consent is on record."""
    seen: dict[str, int] = field(default_factory=dict)
    """What each key was first read in, over all parts of a file."""


@dataclass
class Checked:
    """The rows that can be taken, by column, and what is wrong with the others."""

    rows: int
    lines: list[int]
    columns: dict[str, list[Any]]
    ignored: list[str]
    placed: list[UUID | None] = field(default_factory=list)
    """The library each row names itself."""
    faults: list[RowFault] = field(default_factory=list)
    notices: list[RowNotice] = field(default_factory=list)

    def drop(self, faults: Sequence[RowFault]) -> None:
        """Refuse further rows."""
        gone = {fault.line for fault in faults}
        self.settle(gone)
        self.faults = sorted([*self.faults, *faults], key=lambda fault: fault.line)
        self.notices = [notice for notice in self.notices if notice.line not in gone]

    def settle(self, lines: Collection[int]) -> None:
        """These rows are dealt with."""
        if lines:
            keep = [n for n, line in enumerate(self.lines) if line not in lines]
            self.columns = {name: [values[n] for n in keep] for name, values in self.columns.items()}
            self.placed = [self.placed[n] for n in keep]
            self.lines = [self.lines[n] for n in keep]


def checked(sheet: Sheet, around: Surroundings) -> Checked:
    """All rows of a sheet, the good ones ready to be stored."""
    places, ignored = columns_of(sheet.header, around.key)
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
    result.drop(_repeated(result, around.seen))
    return result


def columns_of(header: Sequence[str], key: ImportKey) -> tuple[dict[str, int], list[str]]:
    """Which column is what, and which are ignored; ImportFileInvalid when one is missing or there twice."""
    places: dict[str, int] = {}
    ignored = []
    for index, title in enumerate(header):
        name = FIELDS.get(re.sub(r"[\s_]", "", title).lower())
        if name is None or (name == "student_code" and key != "studentCode"):
            ignored.append(title.strip())
        elif name in places:
            raise ImportFileInvalid(f"two columns say the same: {header[places[name]].strip()} and {title.strip()}")
        else:
            places[name] = index
    if "first_name" in places and "name" in places:
        ignored.append(header[places.pop("name")].strip())
    needed = [("phone", ("phone",)), ("firstName", ("first_name", "name"))]
    for name, titles in [*needed, *([("studentCode", ("student_code",))] if key == "studentCode" else [])]:
        if not any(title in places for title in titles):
            raise ImportFileInvalid(
                f"the column {name} is missing", errors=[{"field": name, "message": "the column is missing"}]
            )
    return places, [title for title in ignored if title]


def _column(
    name: str, cells: Sequence[str], read: Callable[[str], Any], lines: Sequence[int], faults: list[RowFault]
) -> list[Any]:
    """Each text is read once, however often it stands there."""
    said: dict[str, Any] = {}
    bad: dict[str, Bad] = {}
    for cell in set(cells):
        try:
            said[cell] = read(cell)
        except Bad as refused:
            said[cell], bad[cell] = None, refused
    if bad:
        shown = SHOWN.get(name, name)
        faults += [
            _fault(line, shown, str(bad[cell]), bad[cell].code)
            for line, cell in zip(lines, cells, strict=False)
            if cell in bad
        ]
    return [said[cell] for cell in cells]


def _fault(line: int, name: str, message: str, code: Code = "invalid") -> RowFault:
    return RowFault(line=line, field=name, code=code, message=message)


def _place(result: Checked, around: Surroundings, faults: list[RowFault]) -> None:
    """Every row gets its library: by its own code, else the one of the request, else the only one there is."""
    result.placed = named = result.columns.pop("library_code", None) or [None] * result.rows
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
    keys = result.columns.get("student_code" if around.key == "studentCode" else "phone", ())
    for line, born, key in zip(result.lines, result.columns.get("date_of_birth", ()), keys, strict=False):
        if born is None or not around.rule.minor(born, around.today) or key in around.consented:
            continue
        if born > around.today:
            faults.append(_fault(line, "dateOfBirth", "not a date of birth"))
        elif binding:
            faults.append(_fault(line, "dateOfBirth", text, "guardian_consent_required"))
        else:
            notice = RowNotice(line=line, field="dateOfBirth", code="guardian_consent_missing", message=text)
            result.notices.append(notice)


def _repeated(result: Checked, seen: dict[str, int]) -> list[RowFault]:
    """`seen` goes on from part to part of a file."""
    faults = []
    for name, what in (("phone", "phone"), ("student_code", "number")):
        for line, said in zip(result.lines, result.columns.get(name, ()), strict=False):
            if said is not None and seen.setdefault(said, line) != line:
                message = f"the same {what} as in line {seen[said]}"
                faults.append(_fault(line, SHOWN.get(name, name), message, "duplicate_in_file"))
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
