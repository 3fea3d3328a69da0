"""The sheet that people fill in: every column an import knows, and what a row looks like."""

from __future__ import annotations

COLUMNS = (
    ("firstName", "Student", "Student"), ("lastName", "One", "Two"), ("phone", "9800000001", "9800000002"),
    ("email", "student.one@example.org", ""), ("gender", "female", "male"), ("dateOfBirth", "2004-05-31", "31/12/2003"),
    ("address", "12 Station Road", ""), ("city", "Pune", ""), ("state", "Maharashtra", ""), ("pincode", "411001", ""),
    ("guardianName", "", ""), ("guardianPhone", "", ""), ("examTarget", "UPSC", ""), ("libraryCode", "", ""),
    ("alternatePhone", "", ""), ("tags", "night; vip", ""), ("notes", "", ""),
)  # fmt: skip
"""Its name, and two ways to fill it; only the first name and the phone are needed."""


def template() -> str:
    """As CSV that a spreadsheet opens, and that the import takes as it is."""
    return "".join(",".join(cells) + "\r\n" for cells in zip(*COLUMNS, strict=True))
