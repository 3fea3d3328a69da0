"""Files of students: how they are taken, what came of them, and what can be wrong with them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from studyspot.kit.errors import Conflict, RuleViolated
from studyspot.kit.models import Model

ImportMode = Literal["insert", "upsert"]
ImportKey = Literal["phone", "studentCode"]
Cell = str | int | float | bool | None


class ImportOptions(Model):
    """How a file is to be taken: `upsert` changes who is here already, known by phone or by student number."""

    dry_run: bool = False
    mode: ImportMode = "insert"
    key: ImportKey = "phone"
    atomic: bool = False
    notify: bool = False
    force: bool = False
    library_id: UUID | None = None


class StoredOptions(ImportOptions):
    """The options of a job, with what its request knew besides."""

    charset: str | None = None
    bound_to: list[UUID] | None = None


class ImportRows(Model):
    """Students as JSON: the names are those of the columns."""

    rows: Annotated[list[dict[Annotated[str, Field(max_length=100)], Cell | list[str]]], Field(min_length=1)]


class UploadedFile(Model):
    """A file brought before, for the purpose `import`."""

    file_id: UUID


class RowFault(Model):
    """What is wrong with one row; `line` is the file's own, its header being line 1."""

    line: int
    field: str
    code: Literal[
        "required", "invalid", "duplicate_in_file", "phone_exists", "guardian_consent_required", "limit_reached"
    ]
    message: str


class RowNotice(Model):
    """What is worth knowing about a row that is taken."""

    line: int
    field: str
    code: Literal["guardian_consent_missing"]
    message: str


class ImportReport(Model):
    """What came, or would come, of a file."""

    job_id: UUID | None = None
    status: Literal["queued", "running", "done", "failed", "cancelled"] = "done"
    rows: int = 0
    processed: int = 0
    """How far it is."""
    valid: int = 0
    imported: int = 0
    """New students that are here now."""
    updated: int = 0
    """Students that were here and that the file changed; in a dry run, would change."""
    unchanged: int = 0
    invalid: int = 0
    errors: list[RowFault] = []
    errors_omitted: int = 0
    """How many more there are; GET the job with `errorsFrom` for them."""
    warnings: list[RowNotice] = []
    ignored_columns: list[str] = []


class ImportJob(BaseModel):
    """An import and how far it is; `options` also names the libraries its uploader is bound to.

    The student of line n has the id `first_id` + n, so that a repetition gives nobody another one.
    """

    id: UUID
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    options: StoredOptions
    file_type: str
    result: ImportReport | None
    steps_done: int
    steps_total: int | None
    first_id: UUID | None
    last_id: UUID | None


class Newcomer(BaseModel):
    """Whom an import brought."""

    id: UUID
    first_name: str
    phone: str
    email: str | None
    student_code: str
    library_id: UUID


class Known(BaseModel):
    """A student whom a row may be about, with what an import may change."""

    id: UUID
    student_code: str
    library_id: UUID | None
    status: str
    first_name: str
    last_name: str | None
    phone: str
    alternate_phone: str | None
    email: str | None
    gender: str | None
    date_of_birth: date | None
    address: str | None
    city: str | None
    state: str | None
    pincode: str | None
    guardian_name: str | None
    guardian_phone: str | None
    exam_target: str | None
    tags: list[str]
    notes: str | None


class Changed(BaseModel):
    """What an import changed of a student: those columns, as they were and as they became."""

    student_id: UUID
    before: dict[str, Any]
    after: dict[str, Any]


class Gone(BaseModel):
    """Somebody who was removed."""

    id: UUID


class Reference(BaseModel):
    """A table, and its column that names a student."""

    name: str
    column: str


class LineOfFile(BaseModel):
    """A line of the file that is imported."""

    line: int


class ImportFileDuplicate(Conflict):
    """This very file was imported before."""

    code = "import_file_duplicate"
    fix = "Repeat with force=true if that is what you want; known phone numbers are refused row by row either way."


class ImportFileInvalid(RuleViolated):
    """The file cannot be read."""

    code = "import_file_invalid"


class RowsInvalid(RuleViolated):
    """Rows are invalid, and with atomic=true that refuses the file."""

    code = "row_invalid"


class Stayed(Model):
    """Somebody whom the import brought and who is left alone, with why."""

    student_id: UUID
    student_code: str
    name: str
    why: Literal["changed", "used", "phone_taken"]


class Rollback(Model):
    """What came of taking an import back: how many went, how many stayed, and the first thousand of those."""

    job_id: UUID
    removed: int
    restored: int
    """Students who are again as they were before the import changed them."""
    kept: int
    stayed: list[Stayed]
