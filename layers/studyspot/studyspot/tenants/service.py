"""What operators and owners do with tenants: ask for one, change it, suspend and reactivate it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from studyspot.identity import service as identity
from studyspot.identity.models import EmailTaken
from studyspot.kit import audit, cells, ids, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Conflict, Invalid, NotFound, OffboardingInProgress, StateConflict, VersionConflict
from studyspot.kit.response import etag_of
from studyspot.tenants.models import (
    NewTenant,
    Owner,
    Provisioning,
    ProvisioningInProgress,
    SignedUp,
    SlugTaken,
    Stats,
    Step,
    Suspension,
    Tenant,
    TenantChange,
)
from studyspot.tenants.queries import directory, saga

DEFAULT_PLAN = "starter"
TRIAL_PLAN = "trial"
SLUG_LENGTH = 32
TRIES = 5
STEPS = (
    "validate", "reserve_slug", "create_core_rows", "choose_cell", "create_silo", "migrate", "seed", "grant_credits",
    "start_trial", "invite_owner", "smoke", "activate",
)  # fmt: skip
"""In the order of the machine; a tenant takes one of `choose_cell` and `create_silo`."""


def create(core: Db, asked: NewTenant) -> Tenant:
    """Reserve the name and the owner's address, and start the saga that sets everything else up."""
    plan = asked.plan or DEFAULT_PLAN
    promised = directory.isolation_of_plan(core, plan)
    if promised is None:
        raise Invalid.field("plan", "there is no such plan")
    owner = Owner(id=ids.uuid7(), email=asked.email, name=asked.name, phone=asked.phone)
    with core.transaction():
        tenant = _reserve(core, asked, asked.isolation or promised, plan, owner, None)
        _begin(core, tenant, invite=True)
        audit.note(core, "tenants.create", "tenants", tenant.id, after=tenant.model_dump(mode="json"))
    return tenant


def sign_up(
    core: Db,
    name: str,
    email: str,
    password_hash: str,
    tenant_name: str,
    slug: str | None = None,
    phone: str | None = None,
) -> SignedUp:
    """An owner who comes by himself: the trial plan, and a way to sign in as soon as the saga is through."""
    plan = TRIAL_PLAN
    owner = Owner(id=ids.uuid7(), email=email, name=name, phone=phone)
    with core.transaction():
        isolation = directory.isolation_of_plan(core, plan) or "pool"
        asked = NewTenant(name=tenant_name, email=email, slug=slug, phone=phone)
        tenant = _reserve(core, asked, isolation, plan, owner, password_hash)
        _begin(core, tenant, invite=False)
    return SignedUp(tenant_id=tenant.id, slug=tenant.slug, status=tenant.status, owner_id=owner.id)


def _reserve(core: Db, asked: NewTenant, isolation: str, plan: str, owner: Owner, password_hash: str | None) -> Tenant:
    tenant_id = ids.uuid7()
    slugs = [asked.slug] if asked.slug else list(slugs_of(asked.name, tenant_id))
    tenant = next(
        filter(None, (directory.reserve(core, tenant_id, owner.id, slug, isolation, plan, asked) for slug in slugs)),
        None,
    )
    if tenant is None:
        raise SlugTaken
    if not directory.add_owner(core, tenant.id, owner, password_hash):
        raise EmailTaken
    identity.add_identity(core, "email", owner.email, "library_owner", tenant.id, owner.id)
    return tenant


def _begin(core: Db, tenant: Tenant, invite: bool) -> None:
    outbox.start(core, "tenant_provisioning", tenant.id, "begin", isolation=tenant.isolation, invite=invite)
    outbox.emit(core, "tenant.created", tenant.id, {"slug": tenant.slug, "isolation": tenant.isolation})


def slugs_of(name: str, tenant_id: UUID) -> list[str]:
    """Library codes made from a name, the plainest first; the last one carries enough of the id to be free."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_LENGTH].strip("-")
    stem = stem if len(stem) >= 3 else f"library-{stem}".strip("-")
    noise = tenant_id.hex[-TRIES:]
    return [stem, *(f"{stem}-{noise[:n]}" for n in range(2, TRIES + 1))]


def known(core: Db, tenant_id: UUID) -> Tenant:
    """For the product's own work, whoever it is."""
    return directory.by_id(core, tenant_id)


def owner_of(core: Db, tenant_id: UUID) -> Owner:
    """Whom mails about the organisation go to."""
    return directory.owner_of(core, tenant_id)


def seen_by(core: Db, actor: Actor, tenant_id: UUID) -> Tenant:
    """Staff see every tenant, an owner his own; to him no other exists."""
    if not actor.is_platform and actor.tenant_id != tenant_id:
        raise NotFound
    return directory.by_id(core, tenant_id)


def locked(core: Db, tenant_id: UUID) -> Tenant:
    """For whoever changes where or in which state it is: nobody else does until this transaction ends."""
    return directory.locked(core, tenant_id)


def change(core: Db, actor: Actor, tenant_id: UUID, asked: TenantChange, if_match: str | None) -> Tenant:
    """Edit the fields that were sent; the address and what depends on it is the operator's to change."""
    seen_by(core, actor, tenant_id)
    changes: dict[str, Any] = asked.changes()
    if "email" in changes and not actor.is_platform:
        raise Invalid.field("email", "ask the operator to change the address")
    with core.transaction():
        before = directory.locked(core, tenant_id)
        if if_match and if_match != etag_of(before):
            raise VersionConflict
        if not changes:
            return before
        after = directory.change(core, tenant_id, changes)
        _note(core, "tenants.update", before, after)
        if after.timezone != before.timezone:
            with _cell(tenant_id) as db:
                directory.set_gate_timezone(db, after.timezone)
    return after


def suspend(core: Db, tenant_id: UUID, asked: Suspension) -> Tenant:
    """From the next request on: the gate in the tenant's cell is written in the same call."""
    with core.transaction():
        before = directory.locked(core, tenant_id)
        _must_be(before, "active", "past_due", "suspended")
        after = _turn(core, before, "suspended", asked.scope, asked.reason)
        outbox.emit(core, "tenant.suspended", tenant_id, {"scope": asked.scope})
    return after


def reactivate(core: Db, tenant_id: UUID) -> Tenant:
    """Take a suspension back; an active tenant stays as it is."""
    with core.transaction():
        before = directory.locked(core, tenant_id)
        _must_be(before, "active", "past_due", "suspended")
        after = _turn(core, before, "active", "all", None)
        outbox.emit(core, "tenant.reactivated", tenant_id)
    return after


def leave(core: Db, tenant_id: UUID, why: str | None) -> Tenant:
    """Frozen from the next request on; answers what it was before."""
    with core.transaction():
        before = directory.locked(core, tenant_id)
        if before.status == "offboarding":
            raise OffboardingInProgress
        _must_be(before, "active", "past_due", "suspended")
        _turn(core, before, "offboarding", "all", why)
    return before


def come_back(core: Db, tenant_id: UUID, status: str, scope: str) -> None:
    """What it was before it wanted to leave."""
    with core.transaction():
        _turn(core, directory.locked(core, tenant_id), status, scope, None)


def shut(tenant_id: UUID) -> None:
    """Nobody passes the gate any more, whoever is signed in; a cell that is gone already has no gate."""
    try:
        with _cell(tenant_id) as db:
            directory.set_gate(db, "deleted", "all")
    except NotFound:
        return


def fall_due(core: Db, tenant_id: UUID) -> Tenant:
    """The bill is open, the tenant goes on working."""
    with core.transaction():
        before = directory.locked(core, tenant_id)
        _must_be(before, "active", "past_due")
        return _turn(core, before, "past_due", "all", None)


def _turn(core: Db, before: Tenant, status: str, scope: str, why: str | None) -> Tenant:
    """Directory first, under its row's lock; then the cell, committed at once; the directory's commit is last."""
    after = directory.set_state(core, before.id, status, scope, why)
    _note(core, f"tenants.{status}", before, after, why)
    with _cell(before.id) as db:
        if not directory.set_gate(db, status, scope):
            raise Conflict("the organisation has no cell")
        if core.actor:
            audit.note(
                db, f"tenants.{status}", "tenants", before.id, actor_type=core.actor.user_type, actor_id=core.actor.id,
                after={"scope": scope, "reason": why},
            )  # fmt: skip
    return after


@contextmanager
def opened(core: Db, tenant_id: UUID) -> Iterator[Db]:
    """An organisation's own rows, for an operator: NotFound for one that is none or is not placed yet."""
    directory.by_id(core, tenant_id)
    with _cell(tenant_id) as db:
        yield db


def _cell(tenant_id: UUID) -> Any:
    """The tenant's own cell, as the directory has it now."""
    cells.forget(tenant_id)
    return cells.tenant_db(tenant_id)


def _must_be(tenant: Tenant, *states: str) -> None:
    if tenant.status == "provisioning":
        raise ProvisioningInProgress
    if tenant.status not in states:
        raise StateConflict(f"the organisation is {tenant.status}")


def _note(core: Db, action: str, before: Tenant, after: Tenant, why: str | None = None) -> None:
    was, is_now = before.model_dump(mode="json"), after.model_dump(mode="json")
    changed = {name for name in is_now if is_now[name] != was[name]}
    audit.note(
        core, action, "tenants", after.id,
        before={n: was[n] for n in sorted(changed)},
        after={n: is_now[n] for n in sorted(changed)} | ({"reason": why} if why else {}),
    )  # fmt: skip


def provisioning(core: Db, actor: Actor, tenant_id: UUID) -> Provisioning:
    """Every step of the saga with what became of it."""
    tenant = seen_by(core, actor, tenant_id)
    known = {step.step: step for step in saga.steps_of(core, tenant_id)}
    skipped = "create_silo" if tenant.isolation == "pool" else "choose_cell"
    steps = [known.get(name) or Step(step=name, status="pending") for name in STEPS if name != skipped]
    return Provisioning(tenant_id=tenant.id, status=tenant.status, steps=steps)


def retry_provisioning(core: Db, tenant_id: UUID) -> Tenant:
    """Begin the saga of a failed tenant again."""
    with core.transaction():
        before = directory.locked(core, tenant_id)
        _must_be(before, "provisioning_failed")
        saga.turn(core, tenant_id, ("provisioning_failed",), "provisioning")
        after = directory.by_id(core, tenant_id)
        _note(core, "tenants.retry", before, after)
        invite = directory.owner_has_no_password(core, tenant_id)
        outbox.start(
            core, "tenant_provisioning", tenant_id, "begin",
            period=ids.uuid7().hex[-8:], isolation=after.isolation, invite=invite,
        )  # fmt: skip
    return after


def stats(core: Db, actor: Actor, tenant_id: UUID) -> Stats:
    """Counted in the tenant's cell; an operator's look is noted there."""
    seen_by(core, actor, tenant_id)
    with _cell(tenant_id) as db:
        found = directory.stats(db)
        if actor.is_platform:
            audit.note(db, "tenants.stats", "tenants", tenant_id, actor_type=actor.user_type, actor_id=actor.id)
    return found
