"""Oneself: what one sees and edits of one's own account."""

from __future__ import annotations

from studyspot.audit import service as trail
from studyspot.audit.models import Entry, Search
from studyspot.identity.models import Person
from studyspot.identity.models.staff import Profile, ProfileChange, ProfileFacts
from studyspot.identity.queries import profiles as queries
from studyspot.identity.service.directory import as_user, person, place_of
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


def change(core: Db, db: Db, actor: Actor, asked: ProfileChange) -> Profile:
    """Name and phone. A student's are the desk's to change: the phone is what they sign in by."""
    changes = asked.changes()
    if actor.user_type == "student":
        db.admit()
        raise Forbidden("ask the desk to change that")
    if unknown := sorted(changes.keys() - queries.editable(actor.user_type)):
        db.admit()
        raise Invalid.field(unknown[0], "this account has no such field")
    place = place_of(core, db, actor.user_type)
    with place.transaction():
        before = profile(core, db, actor)
        if not changes:
            return before
        queries.change(place, actor.user_type, actor.id, changes)
        after = before.model_copy(update=changes)
        audit.note(db, "users.change", actor.user_type, actor.id, before.model_dump(mode="json", include=set(changes)),
                   after.model_dump(mode="json", include=set(changes)))  # fmt: skip
    return after


def deeds(db: Db, actor: Actor, paging: Paging, action: str | None) -> Page[Entry]:
    """One's own trail."""
    return trail.listed(db, paging, Search(actor_id=actor.id, action=action))


def _known(core: Db, db: Db, actor: Actor) -> tuple[Person, ProfileFacts]:
    known = person(core, db, actor.user_type, actor.id)
    facts = queries.facts(place_of(core, db, actor.user_type), actor.user_type, actor.id)
    if known is None or facts is None:
        raise NotFound
    return known, facts
