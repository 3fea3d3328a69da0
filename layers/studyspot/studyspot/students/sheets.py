"""Spreadsheets as they come: CSV of any usual encoding and delimiter, XLSX; in, lines of text cells out."""

from __future__ import annotations

import codecs
import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from studyspot.kit import cards
from studyspot.students.models import ImportFileInvalid

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LARGEST = 4 * 1024 * 1024
MOST_ROWS = 50_000
MOST_LINES = 200_000
"""Blank lines included: sheets are often formatted far below their last row."""
MOST_COLUMNS = 100
LONGEST_CELL = 10_000
LARGEST_UNPACKED = 64 * 1024 * 1024
CHARSETS = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be",
            "cp1252": "cp1252", "iso8859-1": "cp1252", "ascii": "utf-8-sig"}  # fmt: skip


@dataclass(frozen=True)
class Sheet:
    """A header and the rows under it, blank ones left out, each with its line in the file."""

    header: list[str]
    lines: list[int]
    rows: list[list[str]]


def read(content: bytes, media_type: str, charset: str | None) -> Sheet:
    """ImportFileInvalid says in words why a file cannot be read; nothing is believed of what it claims to be."""
    if not content.strip():
        raise ImportFileInvalid("the file is empty")
    zipped = content.startswith(b"PK\x03\x04")
    if media_type == XLSX:
        if not zipped:
            raise ImportFileInvalid("the file is not an XLSX workbook")
        return _sheet(_cells_of_workbook(content))
    if zipped:
        raise ImportFileInvalid(f"the file is a workbook; send it as {XLSX}")
    return _sheet(_cells_of_text(_decoded(content, charset)))


def _sheet(numbered: Iterator[tuple[int, list[str]]]) -> Sheet:
    header: list[str] | None = None
    lines: list[int] = []
    rows: list[list[str]] = []
    for line, cells in numbered:
        if len(cells) > MOST_COLUMNS:
            raise ImportFileInvalid(f"line {line} has more than {MOST_COLUMNS} columns")
        if line > MOST_LINES or (len(rows) >= MOST_ROWS and any(cells)):
            raise ImportFileInvalid(f"at most {MOST_ROWS} rows can be imported at once")
        if not any(cells) or not "".join(cells).strip():
            continue
        cards.refuse_in("\n".join(cells))
        if header is None:
            header = cells
        else:
            lines.append(line)
            rows.append(cells)
    if header is None:
        raise ImportFileInvalid("the file is empty")
    return Sheet(header, lines, rows)


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
        raise ImportFileInvalid(f"line {line} is not CSV") from None


def _cells_of_workbook(content: bytes) -> Iterator[tuple[int, list[str]]]:
    import openpyxl

    _refuse_bombs(content)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        rows: Iterable[tuple[Any, ...]] = book.worksheets[0].iter_rows(max_col=MOST_COLUMNS + 1, values_only=True)
        for line, row in enumerate(rows, start=1):
            yield line, _trimmed(row)
    except ImportFileInvalid:
        raise
    except Exception:  # noqa: BLE001 - openpyxl raises whatever its parsers raise on a damaged file
        raise ImportFileInvalid("the workbook is damaged") from None


def _refuse_bombs(content: bytes) -> None:
    """Declared sizes bound what is unpacked (zipfile reads no further); no XML part may declare entities."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > 1000 or sum(part.file_size for part in parts) > LARGEST_UNPACKED:
                raise ImportFileInvalid("the workbook is too large when unpacked")
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    with archive.open(part) as stream:
                        if b"<!DOCTYPE" in stream.read(4096):
                            raise ImportFileInvalid("the workbook is damaged")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError):
        raise ImportFileInvalid("the workbook is damaged") from None


def _trimmed(row: tuple[Any, ...]) -> list[str]:
    cells = [_text(value) for value in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _text(value: Any) -> str:
    """Numbers as people see them: 9876543210.0 is a phone, a date is a day."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
