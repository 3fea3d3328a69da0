"""Proving an e-mail address, and getting back in without the password; the answer never says whom we know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from studyspot.identity import passwords
from studyspot.identity.models import (
    EmailVerified,
    Letter,
    LinkInvalid,
    PasswordChange,
    Person,
    ResetRequest,
)
from studyspot.identity.queries import attempts, links, people
from studyspot.identity.service import accounts, alike
from studyspot.identity.service.directory import PLATFORM_TYPES, candidates, home_of, person, place_of, row_of
from studyspot.identity.service.sessions import end_sessions
from studyspot.kit import audit, clock, ids, opaque
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.ids import PLATFORM

Mail = Callable[[Letter], None]
"""Has a letter sent."""

VERIFY, RESET = "verify", "reset"
LIFETIME = {VERIFY: timedelta(hours=24), RESET: timedelta(hours=1)}
TEMPLATE = {VERIFY: "email_verification", RESET: "password_reset"}


def verification(core: Db, person: Person) -> Letter:
    """A link that proves the address; the caller has the mail sent."""
    return _letter(core, VERIFY, person)


def reset(core: Db, person: Person) -> Letter:
    """A link to choose a new password, for somebody who did not ask for it; the caller has the mail sent."""
    return _letter(core, RESET, person)


def _letter(core: Db, kind: str, person: Person) -> Letter:
    """The token is kept in core, where it is used up before anything else is asked."""
    assert person.email is not None, "only a person with an e-mail gets a letter"
    token = opaque.mint(kind, core.tenant)
    links.add_email_token(
        core, kind, opaque.hashed(kind, token), person.user_type, person.id, person.tenant_id, person.email,
        clock.now() + LIFETIME[kind],
    )  # fmt: skip
    return Letter(
        template=TEMPLATE[kind], to=person.email, variables={"token": token, "name": person.name or ""},
        recipient_id=person.id, recipient_type=person.user_type,
    )  # fmt: skip


def verify_email(core: Db, token: str) -> EmailVerified:
    """Once, within 24 hours."""
    with core.transaction():
        used = links.use_email_token(core, VERIFY, opaque.hashed(VERIFY, token))
        if used is None:
            raise LinkInvalid
        audit.note(
            core, "auth.verify_email", used.user_type, used.user_id, actor_type=used.user_type, actor_id=used.user_id
        )
    core.commit()
    with row_of(core, used.user_type, used.home) as place:
        if not people.mark_verified(place, used.user_type, used.user_id, used.email):
            raise LinkInvalid
    return EmailVerified(email=used.email, email_verified=True)


def request_verification(core: Db, email: str, mail: Mail) -> None:
    """A new link for somebody whose address is not proved yet."""
    accounts.take_turn(core, "resend", email)
    _mail_or_alike(core, VERIFY, email, [p for p in _people(core, email) if not p.email_verified], mail)


def request_reset(core: Db, email: str, mail: Mail) -> None:
    """A link to choose a new password."""
    accounts.take_turn(core, "reset", email)
    _mail_or_alike(core, RESET, email, _people(core, email), mail)


def _mail_or_alike(core: Db, kind: str, email: str, known: list[Person], mail: Mail) -> None:
    to = known[0] if known else _nobody(email)
    with core.transaction():
        alike.tell(core, "email", bool(known), lambda: mail(_letter(core, kind, to)))


def _nobody(email: str) -> Person:
    return Person(
        id=ids.uuid7(), tenant_id=PLATFORM, user_type="library_owner", email=email, phone=None, name=None,
        password_hash=None, status="active", roles=[], permissions=[], library_ids=None, email_verified=False,
    )  # fmt: skip


def _people(core: Db, email: str) -> list[Person]:
    """Owners before staff before students, as a sign-in would find them."""
    found = [who for who, _ in candidates(core, "email", email)]
    admin = people.admin_with_email(core, email)
    return [p for p in (*found, *([admin] if admin else [])) if p.email == email]


def reset_password(core: Db, asked: ResetRequest, mail: Mail) -> None:
    """Once, within the hour: the new password holds, every session ends, a lock is lifted."""
    passwords.must_be_strong(asked.password)
    hashed = passwords.hashed(asked.password)
    with core.transaction():
        used = links.use_email_token(core, RESET, opaque.hashed(RESET, asked.token))
        if used is None:
            raise LinkInvalid
        admin = used.user_type in PLATFORM_TYPES
        passwords.must_be_strong(asked.password, used.email, admin)
        attempts.unlock(core, accounts.account_of("admin" if admin else "people", used.email))
    core.commit()
    with row_of(core, used.user_type, used.home) as place:
        people.set_password(place, used.user_type, used.user_id, hashed)
        if not admin:
            people.mark_verified(place, used.user_type, used.user_id, used.email)
    state = None if admin else people.tenant(core, used.home)
    # A tenant that is being set up has no cell and so no session to end.
    with home_of(core, used.home if state and state.placed else PLATFORM) as db:
        end_sessions(db, used.user_id, "reset")
        _note_change(db, used.user_type, used.user_id, "reset")
    mail(_changed(used.user_type, used.user_id, used.email))


def change_password(core: Db, db: Db, actor: Actor, asked: PasswordChange, mail: Mail) -> None:
    """The old one proves it; other devices are signed out. `db` is the actor's own tenant's."""
    known = person(core, db, actor.user_type, actor.id)
    if known is None:
        raise NotFound
    accounts.prove_password(core, known, asked.current_password)
    passwords.must_be_strong(asked.new_password, known.email, actor.is_platform)
    place = place_of(core, db, known.user_type)
    people.set_password(place, known.user_type, known.id, passwords.hashed(asked.new_password))
    end_sessions(db, known.id, "password", but=actor.session_id)
    _note_change(db, known.user_type, known.id, "change")
    if known.email:
        mail(_changed(known.user_type, known.id, known.email))


def _changed(user_type: str, user_id: UUID, email: str) -> Letter:
    """Whoever did not do it learns of it."""
    return Letter(template="password_changed", to=email, variables={}, recipient_id=user_id, recipient_type=user_type)


def _note_change(db: Db, user_type: str, user_id: UUID, how: str) -> None:
    audit.note(db, f"auth.password_{how}", user_type, user_id, actor_type=user_type, actor_id=user_id)
