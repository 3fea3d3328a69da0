"""What the desk keeps of students: tags, notes, guardians; two who are one; one thing done to many."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from studyspot.identity import service as identity
from studyspot.kit import audit, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound, RuleViolated, StateConflict
from studyspot.libraries import service as libraries
from studyspot.messaging import service as messaging
from studyspot.messaging.models import Person
from studyspot.students import service
from studyspot.students.models import (
    Bulk,
    BulkRequest,
    FilterMoved,
    Guardian,
    GuardianRequest,
    Merge,
    MergeRequest,
    Note,
    NoteRequest,
    Student,
    Suspension,
)
from studyspot.students.queries import files, people

MOST = 500
"""Done in one transaction, while a client waits."""


def note(db: Db, actor: Actor, student_id: UUID, asked: NoteRequest) -> Note:
    """One more note; the trail says that there is one, not what it says."""
    people.student(db, student_id)
    made = files.add_note(db, student_id, asked.note, actor.id)
    audit.note(db, "students.note", "students", student_id, after={"note": made.id})
    return made


def tag(db: Db, student_id: UUID, tags: list[str]) -> Student:
    """These tags and no others."""
    with db.transaction():
        before = people.student(db, student_id, "FOR UPDATE")
        after = files.set_tags(db, student_id, tags)
        audit.note(db, "students.tag", "students", student_id, before={"tags": before.tags}, after={"tags": after.tags})
    return after


def link(db: Db, core: Db, actor: Actor, student_id: UUID, asked: GuardianRequest) -> Guardian:
    """Somebody may read of this student, and signs in by that phone: with the adult student's word, or for a minor."""
    actor.own("students:update", student_id)
    with db.transaction():
        student = people.student(db, student_id, "FOR UPDATE")
        _must_have_agreed(db, actor, student, asked)
        known = files.guardian_with_phone(db, asked.phone)
        user_id = known or identity.add_member(db, asked.name, asked.phone)
        made = files.link(db, student_id, user_id, linked_by=actor.id, **asked.model_dump())
        if made is None:
            raise StateConflict("this phone is linked already")
        facts = {"guardian": made.id, "relation": made.relation, "agreedBy": made.agreed_by}
        audit.note(db, "students.link_guardian", "students", student_id, after=facts)
        identity.add_identity(core, "phone", asked.phone, "member", db.tenant, user_id)
    return made


def unlink(db: Db, core: Db, actor: Actor, student_id: UUID, guardian_id: UUID) -> None:
    """They read no more from now on; who is nobody's guardian any more is signed out and not found at sign-in."""
    actor.own("students:delete", student_id)
    with db.transaction():
        student = people.student(db, student_id, "FOR UPDATE")
        if not actor.may("students:delete") and _minor(db, student):
            raise RuleViolated("a student under age does not do that alone")
        ended = files.unlink(db, student_id, guardian_id)
        audit.note(db, "students.unlink_guardian", "students", student_id, before={"guardian": guardian_id})
        if not files.guards(db, ended.user_id):
            identity.suspend(db, ended.user_id, "member", "guardian_unlinked")
            identity.remove_identities(core, db.tenant, ended.user_id)


def merge(db: Db, core: Db, asked: MergeRequest) -> Merge:
    """All that is the duplicate's becomes the student's, in one transaction or not at all."""
    with db.transaction():
        found = {i: people.student(db, i, "FOR UPDATE") for i in sorted((asked.student_id, asked.duplicate_id))}
        kept, gone = found[asked.student_id], found[asked.duplicate_id]
        if "archived" in (kept.status, gone.status):
            raise StateConflict("one of them is archived")
        learnt = [name for name in files.LEARNT if getattr(kept, name) is None and getattr(gone, name) is not None]
        told = Merge(**asked.model_dump(), moved=files.rows_of(db, gone.id), learnt=learnt)
        if asked.preview:
            return told
        files.move_rows(db, gone.id, kept.id)
        files.absorb(db, kept.id, gone.id, learnt)
        identity.suspend(db, gone.id, "student", "student_merged")
        outbox.emit(db, "student.merged", kept.id, {"duplicateId": gone.id})
        audit.note(db, "students.merge", "students", kept.id, after=told.model_dump(mode="json"))
        identity.remove_identities(core, db.tenant, gone.id)
        # An e-mail that only the duplicate had now finds the one who is kept.
        if "email" in learnt and gone.email:
            identity.add_identity(core, "email", gone.email, "student", db.tenant, kept.id)
    return told


def to_many(db: Db, actor: Actor, asked: BulkRequest) -> Bulk:
    """A preview, or the thing itself: all of them in one transaction."""
    if asked.action in ("suspend", "reactivate"):
        actor.must("students:suspend")
    if asked.action == "message":
        actor.must("messaging:send")
    with db.transaction():
        found = fitting(db, asked)
        told_to = _told_to(db, asked, found)
        units, cost = messaging.weigh(db, asked.template_id or "", told_to)
        told = Bulk(action=asked.action, preview=asked.expected is None, count=len(found), sms_credits=units,
                    cost_paise=cost, done=0)  # fmt: skip
        if asked.expected is None:
            return told
        done = _done(db, actor, asked, found)
        facts = {"action": asked.action, "count": len(found), "done": done, "tag": asked.tag}
        audit.note(db, "students.bulk", "students", None, after=facts | {"ids": [one.id for one in found]})
    return told.model_copy(update={"done": done})


def fitting(db: Db, asked: BulkRequest) -> list[Student]:
    """Whom the filter names; FilterMoved when that are others than were seen in the preview."""
    found = files.fitting(db, asked.filter, MOST + 1)
    if len(found) > MOST:
        raise RuleViolated(f"at most {MOST} students at once; narrow the filter")
    if asked.expected is not None and asked.expected != len(found):
        raise FilterMoved(count=len(found))
    return found


def _done(db: Db, actor: Actor, asked: BulkRequest, found: list[Student]) -> int:
    if asked.action in ("tag", "untag"):
        return files.tag_many(db, [one.id for one in found], asked.tag or "", asked.action == "tag")
    if asked.action == "message":
        return messaging.send_each(db, asked.template_id or "", _told_to(db, asked, found))
    if asked.action == "suspend":
        fit = [one for one in found if one.status in service.MAY_BE_SUSPENDED]
        for one in fit:
            service.suspend(db, actor, one.id, Suspension(reason=asked.reason or ""))
        return len(fit)
    fit = [one for one in found if one.status in service.MAY_COME_BACK]
    for one in fit:
        service.reactivate(db, actor, one.id)
    return len(fit)


def _told_to(db: Db, asked: BulkRequest, found: list[Student]) -> list[Person]:
    """Each with what a text may say of them; a text that wants more is given it in `variables`."""
    if asked.action != "message":
        return []
    places = {library.id: library.name for library in libraries.open_libraries(db)}
    people_told = []
    for one in found:
        facts = {"name": one.name, "number": one.student_code}
        if one.library_id in places:
            facts["library"] = places[one.library_id]
        if one.membership_end:
            facts["date"] = f"{one.membership_end - timedelta(days=1):%d %b %Y}"
        people_told.append(Person(phone=one.phone, variables=facts | asked.variables, recipient_id=one.id))
    return people_told


def _must_have_agreed(db: Db, actor: Actor, student: Student, asked: GuardianRequest) -> None:
    """An adult decides alone who may know; of a minor the guardian does, at the desk."""
    minor = _minor(db, student)
    if student.status == "archived":
        raise NotFound
    if minor and (actor.id == student.id or asked.agreed_by != "guardian"):
        raise RuleViolated("the student is under age: the guardian agrees, at the desk")
    if not minor and asked.agreed_by != "student":
        raise RuleViolated("the student is of age, and has to agree")


def _minor(db: Db, student: Student) -> bool:
    rule = people.consent_rule(db)
    return student.date_of_birth is not None and rule.minor(student.date_of_birth, people.today(db))
