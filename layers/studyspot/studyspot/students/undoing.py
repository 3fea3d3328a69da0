"""An import taken back: whom it brought and nobody has touched since goes, whom it changed is as before; the others are
named and stay."""

from __future__ import annotations

from uuid import UUID

from studyspot.identity import service as identity
from studyspot.kit import audit, outbox
from studyspot.kit.db import Db
from studyspot.kit.errors import StateConflict
from studyspot.students.models import ImportJob, Rollback
from studyspot.students.queries import imports

SHOWN = 1_000
OVER = ("done", "failed", "cancelled")


def roll_back(db: Db, core: Db, job_id: UUID) -> Rollback:
    """Repeated, it removes nobody twice; what came of the import may be imported again."""
    with db.transaction():
        job = imports.job(db, job_id, "FOR UPDATE")
        if job.status not in OVER:
            raise StateConflict(f"the import is {job.status}")
        told = take_back(db, core, job)
        facts = {"removed": told.removed, "restored": told.restored, "kept": told.kept}
        audit.note(db, "students.import_rollback", "jobs", job_id, after=facts)
    return told


def take_back(db: Db, core: Db, job: ImportJob) -> Rollback:
    """Whatever can be, in one transaction."""
    with db.transaction():
        gone = imports.remove_untouched(db, job)
        restored = imports.restore(db, job.id)
        kept = [*imports.touched(db, job), *imports.not_restored(db, job.id)]
        imports.rolled_back(db, job.id)
        told = Rollback(job_id=job.id, removed=len(gone), restored=len(restored), kept=len(kept), stayed=kept[:SHOWN])
        facts = {"removed": told.removed, "restored": told.restored, "kept": told.kept}
        outbox.emit(db, "student.import_rolled_back", job.id, facts)
        identity.forget(core, db.tenant, [*gone, *(one.id for one in restored)])
        for kind in ("phone", "email"):
            found = {one.id: value for one in restored if (value := getattr(one, kind))}
            if found:
                identity.add_identities(core, kind, "student", db.tenant, found)
    return told
