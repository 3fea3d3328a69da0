"""Every statement of imports: numbers taken, rows stored at once, and the job they are of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from psycopg import errors as pg

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.errors import StateConflict
from studyspot.students.models import (
    Changed,
    Gone,
    ImportJob,
    ImportReport,
    Known,
    LineOfFile,
    Newcomer,
    PhoneExists,
    Reference,
    Stayed,
)
from studyspot.students.queries.people import NUMBERS

CHANGEABLE = (
    "first_name", "last_name", "phone", "alternate_phone", "email", "gender", "date_of_birth", "address", "city",
    "state", "pincode", "guardian_name", "guardian_phone", "exam_target", "tags", "notes",
)  # fmt: skip
KNOWN = f"id, student_code, library_id, status, {', '.join(CHANGEABLE)}"


def known(db: Db, phones: Collection[str], codes: Collection[str], lock: str) -> list[Known]:
    """Whom these numbers belong to."""
    return db.all(
        Known,
        f"""
        SELECT {KNOWN} FROM students
        WHERE phone = ANY (%(phones)s::text[]) OR student_code = ANY (%(codes)s::text[]) ORDER BY id {lock}""",
        phones=list(phones),
        codes=list(codes),
    )


def consented(db: Db) -> set[str]:
    """Phones and numbers of those whose guardian has agreed."""
    rows = db.dicts(
        """
        SELECT s.phone, s.student_code FROM students s WHERE EXISTS (
            SELECT FROM consents c WHERE c.student_id = s.id AND c.purpose = 'guardian' AND c.withdrawn_at IS NULL)"""
    )
    return {row[name] for row in rows for name in ("phone", "student_code")}


def numbers(db: Db, count: int) -> int:
    """Takes that many student numbers; answers the first."""
    last: int = db.value(NUMBERS, count=count)
    return last - count + 1


def store(db: Db, names: Sequence[str], staged: str) -> int:
    """COPY into a table of this transaction, from there in one statement; phones that came meanwhile are left out.

    `names` are columns of `students`, `staged` their values and the line in COPY's text format. Answers how many came.
    """
    columns = ", ".join(names)
    db.run(
        f"CREATE TEMP TABLE staged ON COMMIT DROP AS SELECT {columns}, 0 AS line FROM students LIMIT 0",
    )
    with db.copying(f"COPY staged ({columns}, line) FROM STDIN") as copy:
        copy.write(staged)
    return db.run(
        f"""
        INSERT INTO students ({columns}, created_at, updated_at)
        SELECT {columns}, %(now)s, %(now)s FROM staged ON CONFLICT (tenant_id, phone) DO NOTHING""",
        now=clock.now(),
    )


def left_out(db: Db) -> list[int]:
    """The lines of what was staged and not stored."""
    rows = db.all(
        LineOfFile,
        "SELECT line FROM staged g WHERE NOT EXISTS (SELECT FROM students s WHERE s.id = g.id) ORDER BY line",
    )
    return [row.line for row in rows]


# Of what is named in `to` every value is set, everything else stays as it is.
SET = f"""
    ({", ".join(CHANGEABLE)}) = (SELECT {", ".join(f"r.{name}" for name in CHANGEABLE)}
                                 FROM jsonb_populate_record(s, %s) r), updated_at = %%(now)s"""


def change(db: Db, job_id: UUID, changes: Sequence[Changed]) -> None:
    """Students as their rows say, and what they were before; a phone that somebody else has is PhoneExists."""
    told = "[" + ",".join(one.model_dump_json() for one in changes) + "]"
    try:
        db.run(
            f"""
            WITH kept AS (
                INSERT INTO import_changes (job_id, student_id, before, after)
                SELECT %(job)s, c.student_id, c.before, c.after
                FROM jsonb_to_recordset(%(told)s::jsonb) AS c (student_id uuid, before jsonb, after jsonb)
                RETURNING student_id, after)
            UPDATE students s SET {SET % "k.after"} FROM kept k WHERE s.id = k.student_id""",
            job=job_id,
            told=told,
            now=clock.now(),
        )
    except pg.UniqueViolation:
        raise PhoneExists from None


def changed_by(db: Db, job_id: UUID, *columns: str) -> list[Newcomer]:
    """Those of whom an import changed one of these."""
    return db.all(
        Newcomer,
        f"""
        SELECT {NEWCOMER} FROM students s JOIN import_changes c ON c.student_id = s.id
        WHERE c.job_id = %(job)s AND c.after ?| %(columns)s ORDER BY id""",
        job=job_id,
        columns=list(columns),
    )


def open_job(db: Db, job_id: UUID, **facts: Any) -> bool:
    """A new import; False when that file was taken before and nobody insists."""
    opened = db.run(
        f"""
        INSERT INTO jobs (id, kind, {", ".join(facts)}, created_at)
        VALUES (%(id)s, 'student_import', {", ".join(f"%({name})s" for name in facts)}, %(now)s)
        ON CONFLICT (tenant_id, kind, file_hash) WHERE NOT forced AND status <> 'failed' DO NOTHING""",
        id=job_id,
        now=clock.now(),
        **facts,
    )
    return opened == 1


def job(db: Db, job_id: UUID, lock: str = "") -> ImportJob:
    """One import."""
    return db.one(
        ImportJob,
        f"""
        SELECT id, status, options, file_type, result, steps_done, steps_total, first_id, last_id FROM jobs
        WHERE id = %(id)s AND kind = 'student_import' {lock}""",
        id=job_id,
    )


def begin(db: Db, job_id: UUID, first_id: UUID, last_id: UUID) -> bytes | None:
    """Its file, while there is work to do. What the release before queued gets its ids here."""
    found: bytes | None = db.value(
        """
        UPDATE jobs SET status = 'running', started_at = coalesce(started_at, %(now)s),
               first_id = coalesce(first_id, %(first)s), last_id = coalesce(last_id, %(last)s)
        WHERE id = %(id)s AND status IN ('queued','running') RETURNING file""",
        id=job_id,
        first=first_id,
        last=last_id,
        now=clock.now(),
    )
    return found


def advance(db: Db, job_id: UUID, report: ImportReport) -> None:
    """So many rows are done, in the transaction that did them."""
    db.run(
        "UPDATE jobs SET steps_done = %(done)s, result = %(result)s::jsonb WHERE id = %(id)s",
        id=job_id,
        done=report.processed,
        result=report.model_dump_json(),
    )


def close_job(db: Db, job_id: UUID, status: str, report: ImportReport | None) -> None:
    """It is over, and its file is forgotten; one that was stopped stays so."""
    db.run(
        """
        UPDATE jobs SET status = %(status)s, result = coalesce(%(result)s::jsonb, result), file = NULL,
               finished_at = %(now)s
        WHERE id = %(id)s AND status IN ('queued','running')""",
        id=job_id,
        status=status,
        result=report.model_dump_json() if report else None,
        now=clock.now(),
    )


NEWCOMER = "id, first_name, phone, email, student_code, library_id"


def of_run(db: Db, first_id: UUID | None, last_id: UUID | None) -> list[Newcomer]:
    """Whom an import brought."""
    return db.all(
        Newcomer,
        f"""
        SELECT {NEWCOMER} FROM students
        WHERE id BETWEEN %(first_id)s::uuid AND %(last_id)s::uuid ORDER BY id""",
        first_id=first_id,
        last_id=last_id,
    )


# Whatever refers to a student is asked of the catalogue, so that a table of tomorrow counts as well.
REFERENCES = """
    SELECT c.conrelid::regclass::text AS name, a.attname::text AS "column"
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[2]
    WHERE c.contype = 'f' AND c.confrelid = 'students'::regclass AND array_length(c.conkey, 1) = 2
    ORDER BY 1, 2"""
LOOSE = (("payments", "student_id"), ("users", "id"))
"""What names a student without a reference: their payments, and having signed in."""
AS_LEFT = """NOT EXISTS (
    SELECT FROM jsonb_each(c.after) a WHERE to_jsonb(s) -> a.key IS DISTINCT FROM a.value)"""
PHONE_TAKEN = "EXISTS (SELECT FROM students o WHERE o.phone = c.before ->> 'phone' AND o.id <> s.id)"
RUN = "s.id BETWEEN %(first_id)s::uuid AND %(last_id)s::uuid"


def remove_untouched(db: Db, job: ImportJob) -> list[UUID]:
    """The students of a run whom nobody changed and nothing refers to; somebody who refers to one just now waits."""
    used = _used(db)
    try:
        rows = db.all(
            Gone,
            f"DELETE FROM students s WHERE {RUN} AND s.updated_at = s.created_at AND NOT ({used}) RETURNING s.id",
            first_id=job.first_id,
            last_id=job.last_id,
        )
    except pg.ForeignKeyViolation:
        raise StateConflict("one of these students is being used right now; repeat the request") from None
    return [row.id for row in rows]


def touched(db: Db, job: ImportJob) -> list[Stayed]:
    """Who of a run is still here, and why."""
    return db.all(
        Stayed,
        f"""
        SELECT s.id AS student_id, s.student_code, concat_ws(' ', s.first_name, s.last_name) AS name,
               CASE WHEN {_used(db)} THEN 'used' ELSE 'changed' END AS why
        FROM students s WHERE {RUN} ORDER BY s.id""",
        first_id=job.first_id,
        last_id=job.last_id,
    )


def restore(db: Db, job_id: UUID) -> list[Newcomer]:
    """Those an import changed are as they were, where what it changed is still as it left it; PhoneExists when an old
    number is somebody else's by now."""
    return db.all(
        Newcomer,
        f"""
        WITH mine AS (
            DELETE FROM import_changes c USING students s
            WHERE c.job_id = %(job)s AND s.id = c.student_id AND {AS_LEFT} AND NOT {PHONE_TAKEN}
            RETURNING c.student_id, c.before)
        UPDATE students s SET {SET % "m.before"} FROM mine m WHERE s.id = m.student_id RETURNING {NEWCOMER}""",
        job=job_id,
        now=clock.now(),
    )


def not_restored(db: Db, job_id: UUID) -> list[Stayed]:
    """Whom an import changed and who stays so, and why."""
    return db.all(
        Stayed,
        f"""
        SELECT s.id AS student_id, s.student_code, concat_ws(' ', s.first_name, s.last_name) AS name,
               CASE WHEN {PHONE_TAKEN} THEN 'phone_taken' ELSE 'changed' END AS why
        FROM import_changes c JOIN students s ON s.id = c.student_id WHERE c.job_id = %(job)s ORDER BY s.id""",
        job=job_id,
    )


def rolled_back(db: Db, job_id: UUID) -> None:
    """The same file may come again."""
    db.run("UPDATE jobs SET file_hash = NULL WHERE id = %(id)s", id=job_id)


def _used(db: Db) -> str:
    """A condition on `students s`, of names that the catalogue knows."""
    named = [(row.name, row.column) for row in db.all(Reference, REFERENCES)]
    return " OR ".join(f"EXISTS (SELECT FROM {table} t WHERE t.{column} = s.id)" for table, column in [*named, *LOOSE])
