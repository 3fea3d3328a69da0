"""Every statement of imports: numbers taken, rows stored at once, and the job they are of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from psycopg import errors as pg

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.errors import StateConflict
from studyspot.students.models import Gone, ImportJob, ImportReport, KnownPhone, LineOfFile, Newcomer, Reference, Stayed
from studyspot.students.queries.people import NUMBERS


def known_phones(db: Db, phones: Collection[str]) -> set[str]:
    """Which of these numbers are some student's already."""
    rows = db.all(KnownPhone, "SELECT phone FROM students WHERE phone = ANY (%(phones)s::text[])", phones=list(phones))
    return {row.phone for row in rows}


def numbers(db: Db, count: int) -> int:
    """Takes that many student numbers; answers the first."""
    last: int = db.value(NUMBERS, count=count)
    return last - count + 1


def store(db: Db, names: Sequence[str], staged: str) -> int:
    """COPY into a table of this transaction, from there in one statement; known phones are left out.

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
    """One import; whoever locks it gets its file too."""
    file = "file" if lock else "NULL::bytea AS file"
    return db.one(
        ImportJob,
        f"""
        SELECT id, status, options, {file}, file_type, result, first_id, last_id FROM jobs
        WHERE id = %(id)s AND kind = 'student_import' {lock}""",
        id=job_id,
    )


def run_job(db: Db, job_id: UUID, report: ImportReport, first_id: UUID | None, last_id: UUID | None) -> None:
    """Its rows are stored; what is left to do is safe to repeat."""
    db.run(
        """
        UPDATE jobs SET status = 'running', result = %(result)s::jsonb, first_id = %(first_id)s, last_id = %(last_id)s
        WHERE id = %(id)s""",
        id=job_id,
        result=report.model_dump_json(),
        first_id=first_id,
        last_id=last_id,
    )


def close_job(db: Db, job_id: UUID, status: str, report: ImportReport | None) -> None:
    """It is over, and its file is forgotten."""
    db.run(
        """
        UPDATE jobs SET status = %(status)s, result = coalesce(%(result)s::jsonb, result), file = NULL,
               finished_at = %(now)s
        WHERE id = %(id)s""",
        id=job_id,
        status=status,
        result=report.model_dump_json() if report else None,
        now=clock.now(),
    )


def of_run(db: Db, first_id: UUID | None, last_id: UUID | None) -> list[Newcomer]:
    """Whom an import brought."""
    return db.all(
        Newcomer,
        """
        SELECT id, first_name, phone, email, student_code, library_id FROM students
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


def rolled_back(db: Db, job_id: UUID) -> None:
    """The same file may come again."""
    db.run("UPDATE jobs SET file_hash = NULL WHERE id = %(id)s", id=job_id)


def _used(db: Db) -> str:
    """A condition on `students s`, of names that the catalogue knows."""
    named = [(row.name, row.column) for row in db.all(Reference, REFERENCES)]
    return " OR ".join(f"EXISTS (SELECT FROM {table} t WHERE t.{column} = s.id)" for table, column in [*named, *LOOSE])
