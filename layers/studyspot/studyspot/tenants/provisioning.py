"""The provisioning saga, step by step: each safe to run again, each recorded, all of it taken back on failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from studyspot.credits import service as wallets
from studyspot.entitlements import service as entitlements
from studyspot.identity import service as identity
from studyspot.kit import cells, outbox
from studyspot.kit.db import Db
from studyspot.messaging import service as messaging
from studyspot.schema import placement
from studyspot.tenants.models import Orphans, Placement, ProvisioningAbandoned, SmokeFailed
from studyspot.tenants.queries import directory, saga

WELCOME_SMS = 500
"""Credits a new tenant is given (settled.md)."""
WELCOME = "welcome:{}"
UNFINISHED = ("provisioning", "provisioning_failed")


@contextmanager
def recorded(tenant_id: UUID, step: str) -> Iterator[Db]:
    """The directory, in one transaction with the note that the step is done."""
    with cells.core_db() as core, core.transaction():
        yield core
        saga.record(core, tenant_id, step, "done")


def note_failure(tenant_id: UUID, step: str, error: Exception) -> None:
    """What an operator reads beside the step; the class says it without quoting data."""
    with cells.core_db() as core:
        saga.record(core, tenant_id, step, "failed", type(error).__name__)


def validate(tenant_id: UUID) -> tuple[str, str]:
    """Its isolation and state: one that works already is left alone, one that failed is taken back to the end."""
    with cells.core_db() as core, core.transaction():
        tenant = directory.by_id(core, tenant_id)
        if tenant.status == "provisioning":
            saga.record(core, tenant_id, "validate", "done")
    if tenant.status == "provisioning_failed":
        raise ProvisioningAbandoned(tenant.status)
    return tenant.isolation, "waiting" if tenant.status == "provisioning" else "settled"


def reserve_slug(tenant_id: UUID) -> None:
    """The slug was claimed with the request, by the directory's unique key; it must still be this tenant's."""
    with recorded(tenant_id, "reserve_slug") as core:
        if directory.slug_is_free(core, directory.by_id(core, tenant_id).slug):
            raise ProvisioningAbandoned("slug")


def create_core_rows(tenant_id: UUID) -> None:
    """The owner can be found at sign-in (again, if an earlier attempt was taken back)."""
    with recorded(tenant_id, "create_core_rows") as core:
        owner = directory.owner_of(core, tenant_id)
        identity.add_identity(core, "email", owner.email, "library_owner", tenant_id, owner.id)


def choose_cell(tenant_id: UUID) -> None:
    """Into the shared cell that has the fewest tenants."""
    with recorded(tenant_id, "choose_cell") as core:
        if not saga.place_in_pool(core, tenant_id):
            raise ProvisioningAbandoned("there is no pool cell")


def create_silo(tenant_id: UUID) -> None:
    """A database of its own, copied from the template, with its connection limit."""
    cell = placement.create_silo(tenant_id)
    with recorded(tenant_id, "create_silo") as core:
        saga.place_in(core, tenant_id, cell)


def migrate(tenant_id: UUID) -> None:
    """The cell has every migration of this release."""
    cell = _placement(tenant_id)
    placement.migrate_cell(cell.host, cell.port, cell.dbname)
    with recorded(tenant_id, "migrate"):
        cells.forget(tenant_id)


def seed(tenant_id: UUID) -> None:
    """The gate, still shut, and the message templates; roles and policies are code and need no rows."""
    with cells.core_db() as core:
        timezone = directory.by_id(core, tenant_id).timezone
    with cells.tenant_db(tenant_id) as db, db.transaction():
        directory.open_gate(db, timezone)
        messaging.seed_templates(db)
    with cells.core_db() as core:
        entitlements.apply(core, tenant_id)
    with recorded(tenant_id, "seed"):
        pass


def grant_credits(tenant_id: UUID) -> None:
    """500 SMS, once: the tenant's own id makes the reference."""
    with cells.tenant_db(tenant_id) as db, db.transaction():
        wallets.grant(db, "sms", WELCOME_SMS, WELCOME.format(tenant_id))
    with recorded(tenant_id, "grant_credits"):
        pass


def invite_owner(tenant_id: UUID) -> None:
    """A mail with a link to choose a password, once, for an owner whom an operator entered."""
    with cells.core_db() as core, core.transaction():
        if saga.step_is_done(core, tenant_id, "invite_owner"):
            return
        tenant, owner = directory.by_id(core, tenant_id), directory.owner_of(core, tenant_id)
        letter = identity.invite(
            core, owner.email, "library_owner", tenant_id, owner.id, name=owner.name, tenant_name=tenant.name
        )
        messaging.mail(core, letter.template, letter.to, letter.variables, letter.recipient_id, letter.recipient_type)
        saga.record(core, tenant_id, "invite_owner", "done")


def smoke(tenant_id: UUID) -> None:
    """As the tenant: its gate is there, and of what was seeded it sees its own and nobody else's."""
    cells.forget(tenant_id)
    with cells.tenant_db(tenant_id) as db:
        state, seen = directory.gate_state(db), directory.seen_tenants(db)
    if state not in ("provisioning", "active") or seen != 1:
        raise SmokeFailed(f"the gate says {state}, {seen} tenants are seen")
    with recorded(tenant_id, "smoke"):
        pass


def activate(tenant_id: UUID, outbox_id: UUID) -> None:
    """Open the gate, then say so in the directory, whose row decides against a compensation meanwhile."""
    with cells.tenant_db(tenant_id) as db:
        if not directory.set_gate(db, "active", "all"):
            raise SmokeFailed("the gate is gone")
    with recorded(tenant_id, "activate") as core:
        if not saga.turn(core, tenant_id, ("provisioning", "active"), "active"):
            raise ProvisioningAbandoned("taken back meanwhile")
        outbox.emit(core, "tenant.activated", tenant_id)
        saga.settle_command(core, outbox_id)


def give_up(tenant_id: UUID) -> bool:
    """From here on nothing may activate this tenant; False when it is not in the saga's hands."""
    with cells.core_db() as core:
        return saga.turn(core, tenant_id, UNFINISHED, "provisioning_failed")


def take_back(tenant_id: UUID) -> None:
    """The cell's rows or database, and the owner's entry for sign-in. Slug and owner stay, for the retry."""
    with cells.core_db() as core:
        tenant = directory.by_id(core, tenant_id)
        cell = saga.placement(core, tenant_id)
        wallets.withdraw_grant(core, tenant_id, WELCOME.format(tenant_id))
    if tenant.isolation == "silo":
        placement.drop_silo(tenant_id)
    elif cell:
        placement.empty_pool(cell.host, cell.port, cell.dbname, tenant_id)
    cells.forget(tenant_id)
    with cells.core_db() as core, core.transaction():
        if tenant.owner_id:
            identity.remove_identities(core, tenant_id, tenant.owner_id)
        saga.undone(core, tenant_id)


def close(outbox_id: UUID) -> None:
    """The failure is final and recorded; the command is not sent again."""
    with cells.core_db() as core:
        saga.settle_command(core, outbox_id)


def sweep() -> Orphans:
    """What belongs to nobody, over the directory, the server's databases and every cell (worker role)."""
    prefix = placement.silo_prefix()
    with cells.core_db() as core:
        return Orphans(
            databases=saga.databases_without_cell(core, prefix),
            cells=saga.cells_without_tenant(core, prefix),
            tenants=saga.tenants_without_cell(core),
            gates=saga.gates_out_of_step(core),
        )


def _placement(tenant_id: UUID) -> Placement:
    with cells.core_db() as core:
        found = saga.placement(core, tenant_id)
    if found is None:
        raise ProvisioningAbandoned("the tenant has no cell")
    return found
