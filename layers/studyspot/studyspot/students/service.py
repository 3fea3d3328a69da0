"""What happens to students at the desk, and what other domains may ask about them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from studyspot.identity import service as identity
from studyspot.kit import audit, ids, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Forbidden, NotFound, StateConflict, VersionConflict
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.response import etag_of
from studyspot.students import card, idproof
from studyspot.students.models import (
    OWN_FIELDS,
    Counts,
    Expiring,
    Guardian,
    GuardianConsentRequired,
    IdCard,
    Note,
    Student,
    StudentChange,
    StudentNotActive,
    StudentRequest,
    StudentSuspended,
    Suspension,
    ThisDay,
)
from studyspot.students.queries import files, people, reports

M = TypeVar("M", bound=BaseModel)

MAY_COME_BACK = ("suspended", "inactive")
MAY_BE_SUSPENDED = ("enquiry", "active", "expired", "inactive")


def get(db: Db, student_id: UUID) -> Student:
    """The student, archived ones too, or NotFound."""
    return people.student(db, student_id)


def active(db: Db, student_id: UUID) -> Student:
    """The student, if they may enter and buy: StudentSuspended or StudentNotActive else."""
    found = people.student(db, student_id)
    if found.status in ("suspended", "blacklisted"):
        raise StudentSuspended
    if found.status == "archived":
        raise StudentNotActive
    return found


def with_phone(db: Db, phone: str) -> Student | None:
    """Whose number it is in this tenant."""
    return people.with_phone(db, phone)


def seen_by(db: Db, actor: Actor, student_id: UUID) -> Student:
    """Staff see the students of their libraries, students themselves; to others they do not exist."""
    actor.own("students:read", student_id)
    found = people.student(db, student_id)
    actor.at(found.library_id)
    return found


def listed(
    db: Db, actor: Actor, paging: Paging, expiring_days: int | None, **filters: UUID | str | bool | None
) -> Page[Student]:
    """The students of this person's libraries, one page."""
    return paging.page(people.listed(db, paging, actor.library_ids, expiring_days, **filters))


def must_concern(actor: Actor, permission: str, student_id: UUID) -> None:
    """Without the permission people read of themselves alone; nobody else exists."""
    if not actor.is_platform:
        actor.own(permission, student_id)


def must_concern_family(db: Db, actor: Actor, permission: str, student_id: UUID) -> None:
    """The same, and of those whose guardian they are."""
    known = actor.may(permission) or actor.is_platform or actor.id == student_id
    if not known and not files.guards(db, actor.id, student_id):
        raise NotFound


def of_somebody(db: Db, student_id: UUID, found: Page[M]) -> Page[M]:
    """What belongs to one student: rows prove that there is one, without any it has to be asked."""
    if not found.items:
        people.student(db, student_id)
    return found


def id_card(db: Db, student_id: UUID) -> IdCard:
    """The card with its QR code, as facts and as a picture."""
    shown = IdCard(**people.card(db, student_id).model_dump(), qr=card.signed(db.tenant, student_id))
    return shown.model_copy(update={"svg": card.drawn(shown)})


def notes(db: Db, student_id: UUID, after: str | None, fetch: int) -> list[Note]:
    """What the desk noted, newest first."""
    return files.notes(db, student_id, after, fetch)


def this_day(db: Db, now: datetime) -> list[ThisDay]:
    """The day it is where the tenant is, and when it began; one row."""
    return people.this_day(db, now)


def guardians(db: Db, student_id: UUID) -> list[Guardian]:
    """Who may know of this student."""
    people.student(db, student_id)
    return files.guardians(db, student_id)


def counts(db: Db, library_id: UUID | None) -> Counts:
    """How many students of which kind there are."""
    return reports.counts(db, library_id)


def expiring(db: Db, paging: Paging, library_id: UUID | None, ahead: int, past: int) -> Page[Expiring]:
    """Whose membership ends in the next days, or ended in the last ones: the first to end is the first to call."""
    return paging.page(reports.expiring(db, paging, library_id, ahead, past), key="place")


def create(db: Db, core: Db, actor: Actor, asked: StudentRequest) -> Student:
    """A new student, who can sign in by phone (and e-mail) as soon as this is committed."""
    actor.at(asked.library_id)
    student_id = ids.uuid7()
    with db.transaction():
        if asked.date_of_birth and not asked.guardian_consent:
            _need_consent(db, asked.date_of_birth)
        facts = asked.model_dump(exclude={"guardian_consent"})
        made = people.create(db, student_id, _stored(facts, student_id))
        if asked.guardian_consent:
            people.consent(db, student_id, asked.guardian_consent)
        outbox.emit(db, "student.created", student_id, {"libraryId": made.library_id})
        audit.note(db, "students.create", "students", student_id, after=asked.model_dump())
        _found_by(core, db.tenant, made)
    return made


def apply(db: Db, student_id: UUID, name: str, phone: str, email: str, library_id: UUID | None) -> Student:
    """Somebody signed up alone, in the caller's transaction: an enquiry until the desk has met them.

    Nobody has proved the number, so the directory does not know it: a code to it opens another's account to nobody.
    """
    first, _, last = name.partition(" ")
    facts = {
        "first_name": first, "last_name": last.strip() or None, "phone": phone, "email": email,
        "library_id": library_id, "user_id": student_id, "status": "enquiry",
    }  # fmt: skip
    made = people.create(db, student_id, facts)
    outbox.emit(db, "student.created", student_id, {"libraryId": made.library_id})
    return made


def change(db: Db, core: Db, actor: Actor, student_id: UUID, asked: StudentChange, if_match: str | None) -> Student:
    """Edit the fields that were sent; students may edit what concerns only themselves."""
    actor.own("students:update", student_id)
    changes = asked.changes()
    if not actor.may("students:update") and not OWN_FIELDS.issuperset(changes):
        raise Forbidden("ask the desk to change that")
    with db.transaction():
        before = people.student(db, student_id, "FOR UPDATE")
        actor.at(before.library_id)
        if if_match and if_match != etag_of(before):
            raise VersionConflict
        if before.status == "archived":
            raise StudentNotActive
        if not changes:
            return before
        if "library_id" in changes:
            actor.at(asked.library_id)
        after = people.change(db, student_id, _stored(changes, student_id))
        _note_change(db, before, after, set(changes))
        if (before.phone, before.email) != (after.phone, after.email):
            identity.remove_identities(core, db.tenant, student_id)
            _found_by(core, db.tenant, after)
    return after


def suspend(db: Db, actor: Actor, student_id: UUID, asked: Suspension) -> Student:
    """No entry, no booking, no sign-in: the sessions end with this commit."""
    with db.transaction():
        after = _turn(db, actor, student_id, MAY_BE_SUSPENDED, "suspended")
        identity.suspend(db, student_id, "student", "student_suspended")
        outbox.emit(db, "student.suspended", student_id, {"reason": asked.reason})
        audit.note(db, "students.suspend", "students", student_id, after={"reason": asked.reason})
    return after


def reactivate(db: Db, actor: Actor, student_id: UUID) -> Student:
    """Back from a suspension, or from having left."""
    with db.transaction():
        after = _turn(db, actor, student_id, MAY_COME_BACK, "active")
        identity.reactivate(db, student_id, "student")
        outbox.emit(db, "student.updated", student_id, {"status": "active"})
        audit.note(db, "students.reactivate", "students", student_id)
    return after


def archive(db: Db, core: Db, student_id: UUID) -> None:
    """Out of every list and signed out; payments and attendance stay. The phone stays theirs."""
    with db.transaction():
        before = people.student(db, student_id, "FOR UPDATE")
        if before.status == "archived":
            raise NotFound
        people.turn(db, student_id, [before.status], "archived")
        identity.suspend(db, student_id, "student", "student_archived")
        outbox.emit(db, "student.updated", student_id, {"status": "archived"})
        audit.note(db, "students.archive", "students", student_id, before={"status": before.status})
        identity.remove_identities(core, db.tenant, student_id)


def leave_for(db: Db, student_id: UUID, library_id: UUID) -> Student:
    """At home in another library from now on; whoever is suspended or gone stays where they are."""
    before = people.student(db, student_id, "FOR UPDATE")
    if before.status in ("suspended", "blacklisted"):
        raise StudentSuspended
    if before.status == "archived":
        raise StudentNotActive
    if before.library_id == library_id:
        raise StateConflict("the student is at this library already")
    after = people.change(db, student_id, {"library_id": library_id})
    outbox.emit(db, "student.updated", student_id, {"fields": ["library_id"]})
    return after


def joined(db: Db, student_id: UUID, fee_plan_id: UUID, start: date, end: date) -> None:
    """A membership of theirs began; the one that ends last is shown on the student."""
    people.joined(db, student_id, fee_plan_id, start, end)


def left_off(db: Db, student_id: UUID, fee_plan_id: UUID, was: date, span: tuple[date, date]) -> None:
    """That membership ends on another day than the one (`was`) which is shown on the student."""
    people.left_off(db, student_id, fee_plan_id, was, span)


def _need_consent(db: Db, born: date) -> None:
    """From the day the rule binds, nobody under age is admitted without a guardian's consent."""
    rule, today = people.consent_rule(db), people.today(db)
    if rule.in_force(today) and rule.minor(born, today):
        raise GuardianConsentRequired


def _stored(facts: dict[str, Any], student_id: UUID) -> dict[str, Any]:
    number = facts.get("id_proof_number")
    return facts | {"id_proof_number": idproof.sealed(number, student_id)} if number else facts


def _found_by(core: Db, tenant: UUID, student: Student) -> None:
    """Tell the directory. A cell is never the core database, so the open transaction is another connection's."""
    identity.add_identity(core, "phone", student.phone, "student", tenant, student.id)
    if student.email:
        identity.add_identity(core, "email", student.email, "student", tenant, student.id)


def _turn(db: Db, actor: Actor, student_id: UUID, before: tuple[str, ...], after: str) -> Student:
    found = people.student(db, student_id)
    actor.at(found.library_id)
    turned = people.turn(db, student_id, before, after)
    if turned is None:
        raise StateConflict(f"the student is {found.status}")
    return turned


def _note_change(db: Db, before: Student, after: Student, fields: set[str]) -> None:
    outbox.emit(db, "student.updated", after.id, {"fields": sorted(fields)})
    audit.note(
        db,
        "students.update",
        "students",
        after.id,
        before=before.model_dump(include=fields),
        after=after.model_dump(include=fields),
    )
