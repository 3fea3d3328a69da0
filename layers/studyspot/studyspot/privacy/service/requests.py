"""Asking about one's own data, and deciding what was asked."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from pydantic import ValidationError

from studyspot.kit import audit, clock
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Forbidden, Invalid, NotFound, StateConflict
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.privacy.models import (
    Decision,
    Package,
    PackageGone,
    PrivacyRequest,
    RequestAsked,
    RequestOpen,
    RequestStatus,
)
from studyspot.privacy.queries import requests
from studyspot.privacy.service import erasing
from studyspot.students import service as students
from studyspot.students.models import StudentChange

MANAGE = "privacy:manage"
TAKEN_WITHIN = timedelta(days=30)


def open_request(db: Db, actor: Actor, asked: RequestAsked) -> PrivacyRequest:
    """On the queue with its due date; a second one of its kind is RequestOpen."""
    if asked.changes and actor.user_type == "student":
        _correction(asked.changes)
    with db.transaction():
        made = requests.add(db, asked, actor.user_type, actor.id)
        if made is None:
            raise RequestOpen
        audit.note(db, f"privacy.{made.kind}", "privacy_requests", made.id, after={"dueOn": made.due_on})
    return made


def open_erasure(db: Db, actor: Actor) -> PrivacyRequest:
    """For who deletes their own account."""
    return open_request(db, actor, RequestAsked(kind="erasure"))


def listed(db: Db, paging: Paging, status: RequestStatus | None, kind: str | None) -> Page[PrivacyRequest]:
    """The queue."""
    return paging.page(requests.listed(db, paging, status, kind))


def decide(db: Db, core: Db, actor: Actor, request_id: UUID, decision: Decision) -> PrivacyRequest:
    """Do what was asked, or refuse it with a reason; in one transaction, once."""
    _prepare(db, request_id, decision)
    with db.transaction():
        found = requests.read(db, request_id, "FOR UPDATE")
        if found.status != "open":
            raise StateConflict(f"the request is {found.status}")
        if decision.decision == "refuse":
            status: RequestStatus = "refused"
            erased = None
        else:
            status = "fulfilled"
            erased = _fulfil(db, core, actor, found)
        answer = None if erased is not None else decision.reason
        decided = requests.decide(db, request_id, status, actor.id, answer, erased)
        assert decided is not None, "the row is locked, and was open"
        facts = {"kind": found.kind, "status": status, "rows": erased}
        audit.note(db, f"privacy.{decision.decision}", "privacy_requests", request_id, after=facts)
    return decided


def package(db: Db, actor: Actor, request_id: UUID) -> Package:
    """For who asked and nobody else: made at this moment, never kept."""
    found = requests.read(db, request_id)
    if found.user_id != actor.id:
        if actor.may(MANAGE):
            raise Forbidden("only who asked may take the package")
        raise NotFound
    if found.kind != "access" or found.status != "fulfilled" or found.decided_at is None:
        raise StateConflict(f"the request of kind {found.kind} is {found.status}")
    if found.decided_at + TAKEN_WITHIN < clock.now():
        raise PackageGone
    return erasing.package(db, found.user_type, found.user_id)


def _prepare(db: Db, request_id: UUID, decision: Decision) -> None:
    """Files lie with a third party, and are deleted before the transaction that erases the rows."""
    found = requests.read(db, request_id)
    if decision.decision == "fulfil" and found.kind == "erasure" and found.status == "open":
        erasing.refuse_held(db, found.user_type, found.user_id)
        erasing.delete_files(db, found.user_id)


def _fulfil(db: Db, core: Db, actor: Actor, found: PrivacyRequest) -> dict[str, int] | None:
    """Nominations and grievances are fulfilled by what people did about them; the others are done here."""
    if found.kind == "erasure":
        erasing.refuse_held(db, found.user_type, found.user_id)
        return erasing.erase(db, core, found.user_type, found.user_id)
    if found.kind == "correction" and found.user_type == "student":
        students.change(db, core, actor, found.user_id, _correction(found.changes or {}), None)
    return None


def _correction(changes: dict[str, str | None]) -> StudentChange:
    try:
        return StudentChange.model_validate(changes)
    except ValidationError as error:
        faults = [
            {"field": ".".join(["changes", *map(str, fault["loc"])]), "message": fault["msg"]}
            for fault in error.errors(include_url=False)
        ]
        raise Invalid(f"{len(faults)} fields are invalid", errors=faults) from None
