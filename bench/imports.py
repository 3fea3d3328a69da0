"""Row 9: a validated import under row security against a bare COPY of the same rows. `python -m bench.imports` also
tells of files of the largest size, CSV and XLSX: seconds of a dry run, rows a second, the memory of reading them."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import openpyxl
import psycopg
from studyspot.kit import cells, clock, ids
from studyspot.students import importing, sheets, taking
from studyspot.students.models import ImportReport, StoredOptions
from studyspot.students.queries import imports

from bench import place
from bench.measure import Finding, table
from bench.place import Site

ROWS, ROUNDS = 20_000, 7
MOST, ANSWER_SECONDS = sheets.MOST_ROWS, 30.0
"""A whole file of the largest size, and the time that a request has for looking at it."""
HEADER = [
    "firstName", "lastName", "phone", "email", "gender", "dateOfBirth", "address", "city", "state", "pincode",
    "guardianName", "guardianPhone", "examTarget",
]  # fmt: skip


def people(count: int) -> list[list[str]]:
    """Everybody with every column."""
    return [
        ["Student", f"{n:05d}", f"98{n:08d}", f"s{n}@example.org", "female", f"2001-05-{n % 28 + 1:02d}",
         "12 Station Road", "Pune", "Maharashtra", "411001", f"Guardian {n}", f"97{n:08d}", "UPSC"]
        for n in range(count)
    ]  # fmt: skip


def as_csv(rows: list[list[str]]) -> bytes:
    return "\n".join(",".join(row) for row in [HEADER, *rows]).encode()


def as_workbook(rows: list[list[str]]) -> bytes:
    book, out = openpyxl.Workbook(write_only=True), io.BytesIO()
    sheet = book.create_sheet()
    for row in [HEADER, *rows]:
        sheet.append(row)
    book.save(out)
    return out.getvalue()


def brought(site: Site, content: bytes, kind: str) -> float:
    """Seconds from the file's bytes to the last commit, part by part as the job does it; nothing of the directory."""
    options = StoredOptions(library_id=site.library)
    with cells.tenant_db(site.tenant.id) as db:
        job_id = ids.uuid7()
        first, last = importing._run()
        imports.open_job(db, job_id, status="running", options=options.model_dump_json(), file_type=kind,
                         file_hash=str(job_id), forced=True, first_id=first, last_id=last)  # fmt: skip
        job, report = imports.job(db, job_id), ImportReport()
        began = time.perf_counter()
        around = importing._around(db, options)
        for sheet in sheets.parts(content, kind, None, importing.PART):
            with db.transaction():
                report = taking.take(db, job, sheet, around, report, importing.PART)
                imports.advance(db, job_id, report)
            db.commit()
        spent = time.perf_counter() - began
    assert report.imported == report.processed > 0, report
    return spent


def looked_at(site: Site, content: bytes, kind: str) -> float:
    """Seconds of a dry run, from the file's bytes to the report."""
    options = StoredOptions(library_id=site.library, dry_run=True)
    with cells.tenant_db(site.tenant.id) as db:
        began = time.perf_counter()
        report = importing._looked_at(db, (content, kind, None), importing._around(db, options), options)
        spent = time.perf_counter() - began
    assert report.valid == report.rows == MOST, report
    return spent


def copied(site: Site, rows: list[list[str]]) -> float:
    """The same rows by who bypasses row security, with nothing looked at."""
    first, now = ids.uuid7().int, clock.now().isoformat()
    text = "".join(
        "\t".join([
            str(site.tenant.id), f"{first + n:032x}", f"C{n:06d}", str(site.library), now, now, *row[:2],
            f"+91{row[2]}", *row[3:11], f"+91{row[11]}", row[12],
        ]) + "\n"
        for n, row in enumerate(rows)
    )  # fmt: skip
    columns = (
        "tenant_id, id, student_code, library_id, created_at, updated_at, first_name, last_name, phone, email, gender,"
        " date_of_birth, address, city, state, pincode, guardian_name, guardian_phone, exam_target"
    )
    with psycopg.connect(site.dsn("admin"), autocommit=True) as conn, conn.cursor() as cursor:
        began = time.perf_counter()
        with cursor.copy(f"COPY students ({columns}) FROM STDIN") as copy:
            copy.write(text)
        return time.perf_counter() - began


def cleared(site: Site) -> None:
    """As it was before, for the next round."""
    with psycopg.connect(site.dsn("admin"), autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")  # nothing refers to them: not asked of every table
        conn.execute(
            "DELETE FROM students WHERE tenant_id = %s AND phone ~ '^[+]9198' AND guardian_name IS NOT NULL",
            (site.tenant.id,),
        )
        conn.execute("VACUUM ANALYZE students")


def rows(site: Site) -> Iterator[Finding]:
    them = people(ROWS)
    content = as_csv(them)
    imported, bare = [], []
    for _ in range(ROUNDS):
        cleared(site)
        imported.append(brought(site, content, sheets.CSV))
        cleared(site)
        bare.append(copied(site, them))
    cleared(site)
    ours, theirs = min(imported), min(bare)  # seconds of one call: whatever else the machine did only adds to them
    middle = median(bare) / median(imported)
    told = f"{ROWS / ours:,.0f} rows/s over {ROWS / theirs:,.0f} rows/s; by medians {middle:.2f}"
    yield Finding("9", f"{site.isolation}: validated import over COPY", theirs / ours, 0.35, at_least=True, told=told)


def _told(site: Site) -> Iterator[Finding]:
    them = people(MOST)
    for name, kind, content in (("CSV", sheets.CSV, as_csv(them)), ("XLSX", sheets.XLSX, as_workbook(them))):
        cleared(site)
        yield Finding("9", f"{name}: dry run of {MOST:,} rows, s", looked_at(site, content, kind), ANSWER_SECONDS)
        spent = brought(site, content, kind)
        yield Finding("9", f"{name}: {MOST:,} rows taken in, thousand a second", MOST / spent / 1000, None)
        tracemalloc.start()
        for _ in sheets.parts(content, kind, None, importing.PART):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        yield Finding("9", f"{name}: MiB at most while it is read", peak / 2**20, None)
    cleared(site)


def main() -> int:
    with (
        place.opened() as sites,
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        found = [finding for site in sites.values() for finding in rows(site)]
        found += _told(sites["pool"])
    print(table(found))
    return 0 if all(finding.kept for finding in found) else 1


if __name__ == "__main__":
    sys.exit(main())
