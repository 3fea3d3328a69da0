"""Oneself: what one sees and edits of one's own account."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.audit import service as trail
from studyspot.audit.models import Entry, Search
from studyspot.files import service as files
from studyspot.files.models import Upload, UploadRequest
from studyspot.identity.models import Person
from studyspot.identity.models.staff import AvatarRequest, Profile, ProfileChange, ProfileFacts
from studyspot.identity.queries import profiles as queries
from studyspot.identity.service.directory import as_user, person, place_of
from studyspot.identity.service.rights import must_be_current
from studyspot.kit import audit
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Forbidden, Invalid, NotFound
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging


def profile(core: Db, db: Db, actor: Actor) -> Profile:
    """The caller's own account; `db` is their own tenant's."""
    known, facts = _known(core, db, actor)
    return Profile(**as_user(known).model_dump(), **facts.model_dump())


def avatar(db: Db, actor: Actor, asked: AvatarRequest) -> Upload:
    """Where to put a picture; it is the avatar when the profile is changed to it."""
    return files.upload(db, actor, UploadRequest(purpose="avatar", name="avatar", **asked.model_dump()))


def change(core: Db, db: Db, actor: Actor, asked: ProfileChange, if_match: str | None) -> Profile:
    """Name, phone and picture. A student's name and phone are the desk's to change: they sign in by the phone."""
    changes = asked.changes()
    _refuse(actor, changes)
    if "avatar_file_id" in changes:
        changes["avatar_url"] = _picture(db, actor, changes.pop("avatar_file_id"))
    place = place_of(core, db, actor.user_type)
    with place.transaction():
        before = profile(core, db, actor)
        must_be_current(before, if_match)
        if not changes:
            return before
        queries.change(place, actor.user_type, actor.id, changes)
        after = before.model_copy(update=changes)
        audit.note(db, "users.change", actor.user_type, actor.id, before.model_dump(mode="json", include=set(changes)),
                   after.model_dump(mode="json", include=set(changes)))  # fmt: skip
    if before.avatar_url and before.avatar_url != after.avatar_url:
        place.commit()
        files.delete(db, UUID(before.avatar_url.rpartition("/")[2]))
    return after


def _refuse(actor: Actor, changes: dict[str, Any]) -> None:
    if actor.user_type == "student" and changes.keys() & {"name", "phone"}:
        raise Forbidden("ask the desk to change that")
    if "phone" in changes and not queries.has_phone(actor.user_type):
        raise Invalid.field("phone", "this account has no phone")


def _picture(db: Db, actor: Actor, file_id: UUID | None) -> str | None:
    """Where the picture is, once it has been looked at; None for none."""
    if file_id is None:
        return None
    found = files.seen_by(db, actor, file_id)
    if found.purpose != "avatar" or found.status != "ready":
        raise Invalid.field("avatarFileId", "upload a picture by POST /users/me/avatar first")
    return f"/api/v1/files/{file_id}"


def deeds(db: Db, actor: Actor, paging: Paging, action: str | None) -> Page[Entry]:
    """One's own trail."""
    return trail.listed(db, paging, Search(actor_id=actor.id, action=action))


def _known(core: Db, db: Db, actor: Actor) -> tuple[Person, ProfileFacts]:
    known = person(core, db, actor.user_type, actor.id)
    facts = queries.facts(place_of(core, db, actor.user_type), actor.user_type, actor.id)
    if known is None or facts is None:
        raise NotFound
    return known, facts
