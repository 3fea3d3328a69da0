"""Signing up to an organisation that is there: students by its code, others where the operator says."""

from __future__ import annotations

from studyspot.identity import service as identity
from studyspot.identity.models import Letter, RegisterRequest, SignUpNotOffered, User
from studyspot.kit import ids, settings
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound
from studyspot.students import service as students
from studyspot.tenants import finding
from studyspot.tenants.models import Found
from studyspot.tenants.queries import directory


def join(core: Db, asked: RegisterRequest, password_hash: str) -> tuple[User, Letter, Found]:
    """The new person, the mail that proves their address, and the organisation they are of."""
    found = _by_code(core, asked.library_code) if asked.library_code else _by_setting(core, asked.kind)
    user_id = ids.uuid7()
    with identity.home_of(core, found.door.id) as db:
        with db.transaction():
            if asked.kind == "student":
                library = found.library.id if found.library else None
                students.apply(db, user_id, asked.name or "", asked.phone or "", asked.email, library)
            user, letter = identity.join(core, db, user_id, asked, password_hash)
        return user, letter, found


def _by_code(core: Db, code: str) -> Found:
    try:
        return finding.find(core, code)
    except NotFound:
        raise Invalid.field("libraryCode", "there is no library of that code") from None


def _by_setting(core: Db, kind: str) -> Found:
    s = settings.get()
    named = s.default_assistant_tenant if kind == "member" else s.default_marketplace_tenant
    door = directory.with_slug(core, named) if named else None
    if door is None:
        raise SignUpNotOffered
    return Found(door=door)
