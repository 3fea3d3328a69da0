"""What owners give to prove who they are, what operators decide, and what others ask of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.files import service as files
from studyspot.kit import audit, crypto, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, StateConflict, VersionConflict
from studyspot.kit.response import etag_of
from studyspot.kyc import queries
from studyspot.kyc.models import NEEDED, Decision, Kyc, KycChange, KycRequired, KycRow

SEALED = ("pan", "gstin", "account_number")
PURPOSE = "kyc"
DOCUMENT = "document"
"""What a file has to be brought for."""


def read(db: Db) -> Kyc:
    """What was given, with numbers masked, and what is missing."""
    return _shown(db, queries.found(db) or KycRow())


def change(db: Db, asked: KycChange, if_match: str | None) -> Kyc:
    """Set the fields that were sent; complete, it waits for a decision."""
    _good(db, asked.documents)
    with db.transaction():
        row = queries.found(db, "FOR UPDATE") or KycRow()
        before = _shown(db, row)
        if if_match and if_match != etag_of(before):
            raise VersionConflict
        values = row.model_dump(include=set(queries.EDITABLE)) | _sealed(db, asked.changes())
        _fitting(_opened(db, values))
        complete = all(values.get(name) for name in NEEDED)
        after = _shown(db, queries.keep(db, values, "submitted" if complete else "incomplete"))
        fields = asked.model_fields_set
        was, is_now = (one.model_dump(mode="json", include=fields | {"status"}) for one in (before, after))
        audit.note(db, "kyc.update", "tenants", db.tenant, before=was, after=is_now)
        if after.status == "submitted":
            outbox.emit(db, "kyc.submitted", db.tenant, {"version": after.version})
    return after


def decide(db: Db, actor: Actor, asked: Decision) -> Kyc:
    """An operator's verdict on what was submitted; `db` is the organisation's own."""
    with db.transaction():
        row = queries.found(db, "FOR UPDATE") or KycRow()
        if asked.version is not None and asked.version != row.version:
            raise VersionConflict
        if row.status != "submitted":
            raise StateConflict(f"the proof of identity is {row.status}")
        after = _shown(db, queries.decide(db, "approved" if asked.approve else "rejected", asked.reason, actor.id))
        told = {"status": after.status, "reason": after.reason, "version": after.version}
        audit.note(
            db, f"kyc.{after.status}", "tenants", db.tenant, after=told, actor_type=actor.user_type, actor_id=actor.id
        )
        facts = {"version": after.version} if asked.approve else {"reason": after.reason, "version": after.version}
        outbox.emit(db, "kyc.approved" if asked.approve else "kyc.rejected", db.tenant, facts)
    return after


def approved(db: Db) -> None:
    """Money may go to the organisation itself: KycRequired else. Held until the caller's transaction ends."""
    row = queries.found(db, "FOR SHARE")
    if row is None or row.status != "approved":
        raise KycRequired


def _good(db: Db, documents: list[UUID]) -> None:
    """One of another organisation reads like one that never was."""
    wrong = [file_id for file_id in documents if not files.is_ready(db, file_id, DOCUMENT)]
    if wrong:
        raise Invalid.field("documents", f"no document that was uploaded and checked: {', '.join(map(str, wrong))}")


def _sealed(db: Db, changes: dict[str, Any]) -> dict[str, Any]:
    return {
        name: crypto.encrypted(f"{PURPOSE}.{name}", value, db.tenant.bytes) if name in SEALED and value else value
        for name, value in changes.items()
    }


def _opened(db: Db, values: dict[str, Any]) -> dict[str, Any]:
    return values | {
        name: crypto.decrypted(f"{PURPOSE}.{name}", values[name], db.tenant.bytes)
        for name in SEALED
        if values.get(name)
    }


def _fitting(values: dict[str, Any]) -> None:
    """A GSTIN contains the PAN of whom it was given to."""
    if values.get("gstin") and values.get("pan") and values["gstin"][2:12] != values["pan"]:
        raise Invalid.field("gstin", "belongs to another PAN")


def _shown(db: Db, row: KycRow) -> Kyc:
    values = _opened(db, row.model_dump())
    masked = {name: "*" * (len(values[name]) - 4) + values[name][-4:] for name in SEALED if values.get(name)}
    return Kyc(**values | masked, missing=[name for name in NEEDED if not values.get(name)])
