"""Files that are meant to do harm, or are not what they say: refused with a reason, within bounded memory and time."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from studyspot.students.models import ImportFileInvalid
from studyspot.students.sheets import CSV, MOST_ROWS, XLSX, read

from tests.students.test_import import workbook

MEMORY, SECONDS = 900 * 1024 * 1024, 60
"""Of address space and of processor time, for all files of a kind together."""
ROWS = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'


def book(name: str, part: str | bytes) -> bytes:
    """A sound workbook with one part replaced."""
    source, out = zipfile.ZipFile(io.BytesIO(workbook(["name", "phone"], ["A", "9876543210"]))), io.BytesIO()
    with source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for inner in source.namelist():
            archive.writestr(inner, part if inner.endswith(name) else source.read(inner))
        if not any(inner.endswith(name) for inner in source.namelist()):
            archive.writestr(name, part)
    return out.getvalue()


def sheet(rows: str) -> bytes:
    return book("sheet1.xml", f"{ROWS}{rows}</sheetData></worksheet>")


def cells(*texts: str) -> str:
    return "<row>" + "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts) + "</row>"


HEADER = cells("name", "phone")
LAUGHS = '<?xml version="1.0"{0}?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><l>&b;</l>'


def bombs() -> dict[str, bytes]:
    return {
        "a million columns": sheet(f"<row>{'<c/>' * 1_000_000}</row>"),
        "a row far too far": sheet(HEADER + '<row r="1048576"><c r="A1048576" t="str"><v>x</v></c></row>'),
        "millions of texts": book("xl/sharedStrings.xml", "<sst>" + "<si/>" * 4_000_000 + "</sst>"),
        "one text of millions": book("xl/sharedStrings.xml", "<sst><si>" + "<r/>" * 4_000_000 + "</si></sst>"),
        "millions of merges": book("sheet1.xml", f"{ROWS}</sheetData>{'<mergeCell/>' * 1_000_000}</worksheet>"),
        "millions of styles": book("styles.xml", "<styleSheet>" + "<xf/>" * 2_000_000 + "</styleSheet>"),
        "a huge part": book("sheet1.xml", b" " * (65 * 1024 * 1024)),
        "a zip in a zip": book("sheet1.xml", sheet(cells("x") * 1000)),
        "laughs": book("sheet1.xml", LAUGHS.format("")),
        "laughs in another encoding": book("workbook.xml", LAUGHS.format(' encoding="UTF-16"').encode("utf-16")),
        "a cell of a million characters": sheet(HEADER + cells("x" * 1_000_000, "9876543210")),
        "a row too many": sheet(HEADER + cells("A", "9876543210") * (MOST_ROWS + 1)),
        "a header said twice": sheet(cells("name", "phone", "Mobile")),
        "no sheet": book("workbook.xml", "<workbook/>"),
        "cut off": workbook(["name", "phone"])[:-200],
    }


def texts() -> dict[str, bytes]:
    return {
        "a million columns": b"name,phone\nA" + b"," * 1_000_000,
        "a cell of a million characters": b"name,phone\n" + b"x" * 1_000_000 + b",1\n",
        "a cell without an end": b'name,phone\n"' + b"x,1\n" * 500_000,
        "only line ends": b"name,phone\n" + b"\n" * 4_000_000,
        "a row too many": b"name,phone\n" + b"A,9876543210\n" * (MOST_ROWS + 1),
        "a header said twice": b"name,phone,PHONE\nA,1,2\n",
        "UTF-16 without a mark": "name,phone\nA,9876543210\n".encode("utf-16-le"),
        "UTF-32": "name,phone\n".encode("utf-32"),
        "NUL": b"name,phone\nA\x00,9876543210\n",
        "half a character": "name,phone\nA\U0001f600".encode("utf-16")[:-1],
        "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        "a program": b"\x7fELF" + bytes(1000),
        "a page": b"<html><body>name,phone</body></html>",
    }


CHILD = """
import resource, sys
from pathlib import Path
from studyspot.students import rows, sheets
from studyspot.students.models import ImportFileInvalid
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))
for file in sorted(Path(sys.argv[1]).iterdir()):
    try:
        for part in sheets.parts(file.read_bytes(), sys.argv[2], None, 5000):
            rows.columns_of(part.header, "phone")
        print("TAKEN", file.name)
    except ImportFileInvalid as refused:
        print("refused", file.name, "-", refused.detail)
"""


@pytest.mark.parametrize(("kind", "made"), [(XLSX, bombs), (CSV, texts)], ids=["workbooks", "texts"])
def test_every_one_is_refused_in_bounded_memory_and_time(tmp_path: Path, kind: str, made: object) -> None:
    """In a process of its own, which the system ends where a bound is broken."""
    files: dict[str, bytes] = made()  # type: ignore[operator] # one of the two above
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    child = CHILD.format(memory=MEMORY, seconds=SECONDS)
    done = subprocess.run(
        [sys.executable, "-c", child, str(tmp_path), kind], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = done.stdout.splitlines()
    assert len(told) == len(files) and all(line.startswith("refused") for line in told), done.stdout


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_what_can_be_read_is_read(encoding: str) -> None:
    found = read("name,phone\nJosé,9876543210\n".encode(encoding), CSV, None)
    assert found.rows == [["José", "9876543210"]]


def test_a_workbook_with_pictures_and_many_plain_cells_is_none_of_these() -> None:
    rows = HEADER + "".join(cells(f"Student {n}", str(9_800_000_000 + n)) for n in range(2_000))
    assert len(read(sheet(rows), XLSX, None).rows) == 2_000
    with pytest.raises(ImportFileInvalid):
        read(b"PK\x03\x04", XLSX, None)
