"""Spreadsheets as they come: CSV of any usual encoding and delimiter, XLSX, JSON rows; in, lines of text cells out."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from studyspot.kit import cards
from studyspot.kit.signature import parsed
from studyspot.students import workbooks
from studyspot.students.models import ImportFileInvalid, ImportRows

CSV = "text/csv"
JSON = "application/json"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LARGEST = 4 * 1024 * 1024
"""Of what is sent along; larger ones are uploaded first."""
MOST_ROWS = 50_000
MOST_LINES = 200_000
"""Blank lines included: sheets are often formatted far below their last row."""
MOST_COLUMNS = workbooks.MOST_COLUMNS
LONGEST_CELL = 10_000
CHARSETS = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be",
            "cp1252": "cp1252", "iso8859-1": "cp1252", "ascii": "utf-8-sig"}  # fmt: skip


@dataclass(frozen=True)
class Sheet:
    """A header and the rows under it, blank ones left out, each with its line in the file."""

    header: list[str]
    lines: list[int]
    rows: list[list[str]]


def read(content: bytes, media_type: str, charset: str | None) -> Sheet:
    """All of it at once."""
    (sheet,) = parts(content, media_type, charset, MOST_ROWS)
    return sheet


def parts(content: bytes, media_type: str, charset: str | None, size: int) -> Iterator[Sheet]:
    """So many rows at a time, one part at least. ImportFileInvalid says in words why a file cannot be read, when it
    comes to that line; nothing is believed of what it claims to be."""
    numbered = _numbered(content, media_type, charset)
    header = _header(numbered)
    lines: list[int] = []
    rows: list[list[str]] = []
    count = 0
    for line, cells in numbered:
        _refuse_excess(line, cells, count)
        if not any(cells) or not "".join(cells).strip():
            continue
        cards.refuse_in("\n".join(cells))
        if len(rows) == size:
            yield Sheet(header, lines, rows)
            lines, rows = [], []
        lines.append(line)
        rows.append(cells)
        count += 1
    yield Sheet(header, lines, rows)


def _header(numbered: Iterator[tuple[int, list[str]]]) -> list[str]:
    for line, cells in numbered:
        _refuse_excess(line, cells, 0)
        if any(cells) and "".join(cells).strip():
            cards.refuse_in("\n".join(cells))
            return cells
    raise ImportFileInvalid("the file is empty")


def _refuse_excess(line: int, cells: list[str], rows: int) -> None:
    if len(cells) > MOST_COLUMNS:
        raise ImportFileInvalid(f"line {line} has more than {MOST_COLUMNS} columns")
    if line > MOST_LINES or (rows >= MOST_ROWS and any(cells)):
        raise ImportFileInvalid(f"at most {MOST_ROWS} rows can be imported at once")
    if cells and max(map(len, cells)) > LONGEST_CELL:
        raise ImportFileInvalid(f"line {line} has a cell of more than {LONGEST_CELL} characters")


def _numbered(content: bytes, media_type: str, charset: str | None) -> Iterator[tuple[int, list[str]]]:
    if not content.strip():
        raise ImportFileInvalid("the file is empty")
    zipped = content.startswith(b"PK\x03\x04")
    if media_type == XLSX:
        if not zipped:
            raise ImportFileInvalid("the file is not an XLSX workbook")
        return workbooks.cells(content)
    if zipped:
        raise ImportFileInvalid(f"the file is a workbook; send it as {XLSX}")
    if media_type == JSON:
        return _cells_of_json(content)
    return _cells_of_text(_decoded(content, charset))


def _cells_of_json(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Every name that any row has is a column; the first row is line 2, as if the names stood above it."""
    rows = parsed(ImportRows, content).rows
    names = list(dict.fromkeys(name for row in rows for name in row))
    yield 1, names
    for line, row in enumerate(rows, 2):
        yield line, [workbooks.text(row.get(name)) for name in names]


def _decoded(content: bytes, charset: str | None) -> str:
    """By its byte order mark, else as declared, else UTF-8, else the usual encoding of Windows spreadsheets."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif content.startswith(codecs.BOM_UTF8):
        encodings = ["utf-8-sig"]
    elif charset:
        encodings = [_known(charset)]
    else:
        encodings = ["utf-8", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeError:
            continue
        if "\x00" in text:
            break
        return text
    raise ImportFileInvalid("the text cannot be decoded; save the file as UTF-8")


def _known(charset: str) -> str:
    try:
        return CHARSETS[codecs.lookup(charset).name]
    except (LookupError, ValueError):
        raise ImportFileInvalid("this charset is not accepted; save the file as UTF-8") from None


def _cells_of_text(text: str) -> Iterator[tuple[int, list[str]]]:
    first = text[: text.find("\n")] if "\n" in text else text
    delimiter = max(",;\t", key=first[:LONGEST_CELL].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error:
        raise ImportFileInvalid(f"line {line} is not CSV, or has a cell without an end") from None
