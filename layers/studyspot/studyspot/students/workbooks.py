"""XLSX workbooks: the first sheet's cells as people see them, read row by row within bounds set before anything is
unpacked into memory."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from studyspot.students.models import ImportFileInvalid

MOST_COLUMNS = 100
MOST_PARTS = 1_000
LARGEST_UNPACKED = 64 * 1024 * 1024
MOST_TAGS = 8_000_000
MOST_TEXTS = 1_000_000
MOST_TAGS_BETWEEN = 70_000
"""Within one row or one text, and wherever neither is: a row has 16,384 cells at most, of four tags each."""
CHUNK = 1024 * 1024
TABLES = ("xl/worksheets/", "xl/sharedStrings")
"""What may be long; styles, names and relations are not."""
UNREAD = ("xl/media/", "xl/drawings/", "xl/charts/", "xl/printerSettings/", "docProps/")
STARTS = re.compile(rb"<(?:[A-Za-z]+:)?(?:row|si)[\s/>]")


def cells(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Each row of the first sheet with its number; ImportFileInvalid when it is damaged, or meant to do damage."""
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


def text(value: Any) -> str:
    """Numbers as people see them: 9876543210.0 is a phone, a date is a day."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def _refuse_bombs(content: bytes) -> None:
    """Declared sizes bound what is unpacked (zipfile reads no further), tags what is built of it; none is an entity."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = [part for part in archive.infolist() if not part.filename.startswith(UNREAD)]
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_UNPACKED:
                raise ImportFileInvalid("the workbook is too large when unpacked")
            if sum(_tags(archive, part) for part in parts) > MOST_TAGS:
                raise ImportFileInvalid("the workbook has too many cells")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError):
        raise ImportFileInvalid("the workbook is damaged") from None


def _tags(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> int:
    """How much there is to parse, counted in what really is in the part, a piece at a time."""
    starts = STARTS if part.filename.startswith(TABLES) else None
    found = begun = between = 0
    with archive.open(part) as stream:
        while piece := stream.read(CHUNK):
            if b"<!" in piece.replace(b"\x00", b"").replace(b"<!--", b"").replace(b"<![CDATA[", b""):
                raise ImportFileInvalid("the workbook is damaged")
            first, *others = starts.split(piece) if starts else [piece]
            counts = [between + first.count(b"<"), *(gap.count(b"<") for gap in others)]
            between, begun, found = counts[-1], begun + len(others), found + piece.count(b"<")
            if max(counts) > MOST_TAGS_BETWEEN or begun > MOST_TEXTS:
                raise ImportFileInvalid("the workbook has too many cells")
    return found


def _trimmed(row: tuple[Any, ...]) -> list[str]:
    said = [text(value) for value in row]
    while said and not said[-1]:
        said.pop()
    return said
