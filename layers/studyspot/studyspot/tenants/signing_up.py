"""An owner signs up by himself: the address is proved first, and only then anything is made."""

from __future__ import annotations

from datetime import timedelta

from studyspot.identity import passwords
from studyspot.identity.models import LinkInvalid
from studyspot.identity.service.accounts import take_turn
from studyspot.kit import clock, opaque
from studyspot.kit.db import Db
from studyspot.messaging import service as messaging
from studyspot.tenants import service
from studyspot.tenants.models import SignedUp, SignUpAccepted, SignUpConfirmed, SignUpRequest, SlugTaken
from studyspot.tenants.queries import directory, signups

PURPOSE = "signup"
LIFETIME = timedelta(hours=24)


def request(core: Db, asked: SignUpRequest) -> SignUpAccepted:
    """The same for an address that has an account already: only its mail says so, and no link is in it."""
    take_turn(core, "signup", asked.email)
    if asked.slug and not directory.slug_is_free(core, asked.slug):
        raise SlugTaken
    token = opaque.mint(PURPOSE, core.tenant)
    with core.transaction():
        known = directory.owner_has_email(core, asked.email)
        signups.add(core, opaque.hashed(PURPOSE, token), asked, clock.now() + LIFETIME)
        facts = {"name": asked.name, "tenant": asked.tenant_name}
        if known:
            messaging.mail(core, "account_exists", asked.email, facts)
        else:
            messaging.mail(core, "signup_confirm", asked.email, {**facts, "token": token})
    return SignUpAccepted(expires_in=int(LIFETIME.total_seconds()))


def confirm(core: Db, asked: SignUpConfirmed) -> SignedUp:
    """Once: owner, organisation and trial begin together; of two clicks at once one finds the link used."""
    token = opaque.hashed(PURPOSE, asked.token)
    waiting = signups.found(core, token)
    if waiting is None:
        raise LinkInvalid
    passwords.must_be_strong(asked.password, waiting.email)
    hashed = passwords.hashed(asked.password)
    with core.transaction():
        if not signups.use(core, token, waiting.email):
            raise LinkInvalid
        made = service.sign_up(
            core, waiting.name, waiting.email, hashed, waiting.tenant_name, slug=waiting.slug, phone=waiting.phone
        )
        directory.owner_is_verified(core, made.owner_id)
    return made
