"""/staff, /roles - who works in an organisation's libraries and with which rights."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from studyspot.attendance.service import visits as attendance
from studyspot.audit.models import ActionSought, Entry
from studyspot.bookings import service as bookings
from studyspot.entitlements import service as entitlements
from studyspot.fulfilment import service as payments
from studyspot.identity.models import Invited, InviteRequest, Letter
from studyspot.identity.models.staff import (
    Decision,
    Handover,
    HandoverRequest,
    PendingInvitation,
    Question,
    Reason,
    Removal,
    Role,
    RoleChange,
    RoleRequest,
    StaffChange,
    StaffMember,
    StaffStatus,
)
from studyspot.identity.service import invitations, roles, simulation, staff
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.libraries import service as libraries
from studyspot.memberships import service as memberships
from studyspot.messaging import service as messaging
from studyspot.students import service as students

READS = {
    "library": libraries.seen_by,
    "student": students.seen_by,
    "booking": bookings.read,
    "membership": memberships.membership,
    "attendance": attendance.read,
    "payment": payments.visible,
    "staff": lambda db, _, user_id: staff.read(db, user_id),
}
"""How a thing of each kind is read."""

api = Api("staff")
handler = api.handler

StaffId = Annotated[UUID, Of("users")]
RoleId = Annotated[UUID, Of("roles")]
InvitationId = Annotated[UUID, Of("invitations")]
Reader = Annotated[Actor, allow("staff:read")]
Inviter = Annotated[Actor, allow("staff:invite")]
Manager = Annotated[Actor, allow("staff:manage")]
RoleManager = Annotated[Actor, allow("roles:manage", everywhere=True)]


@api.get("/staff")
def listed(
    actor: Reader,
    db: TenantDb,
    paging: Paging,
    status: StaffStatus | None = None,
    role: str | None = None,
    library_id: UUID | None = None,
    q: str | None = None,
) -> Page[StaffMember]:
    return staff.listed(db, paging, status, role, library_id, q)


@api.post("/staff", status_code=201)
def invite(asked: InviteRequest, actor: Inviter, db: TenantDb, core: CoreDb) -> Invited:
    """By mail; with no more than the inviter holds, in no more libraries than the inviter has."""
    _must_be_libraries(db, asked.library_ids)
    shown, letter = invitations.invite_staff(core, db, actor, asked, entitlements.allowed(db, "staff"))
    _mail(db, letter)
    return shown


@api.get("/staff/invitations")
def pending(actor: Manager, db: TenantDb, paging: Paging) -> Page[PendingInvitation]:
    return invitations.pending(db, paging)


@api.post("/staff/invitations/{invitationId}/resend")
def resend(invitation_id: InvitationId, actor: Inviter, db: TenantDb, core: CoreDb) -> Invited:
    """A new link for a week; the old one is dead."""
    places = entitlements.allowed(db, "staff")
    shown, letter = invitations.resend(core, db, actor, invitation_id, places)
    _mail(db, letter)
    return shown


@api.delete("/staff/invitations/{invitationId}")
def revoke(invitation_id: InvitationId, actor: Inviter, db: TenantDb) -> None:
    invitations.revoke(db, actor, invitation_id)


@api.get("/staff/handover")
def handovers(
    actor: Annotated[Actor, allow("handovers:read")], db: TenantDb, paging: Paging, library_id: UUID | None = None
) -> Page[Handover]:
    return staff.handovers(db, paging, library_id)


@api.post("/staff/handover", status_code=201)
def hand_over(asked: HandoverRequest, actor: Annotated[Actor, allow("handovers:create")], db: TenantDb) -> Handover:
    """What the shift that goes tells the shift that comes, and the cash it counted."""
    libraries.seen_by(db, actor, asked.library_id)
    if asked.shift_id:
        libraries.shift(db, asked.library_id, asked.shift_id)
    return staff.hand_over(db, actor, asked)


@api.get("/staff/{staffId}")
def read(staff_id: StaffId, actor: Reader, db: TenantDb) -> StaffMember:
    return staff.read(db, staff_id)


@api.put("/staff/{staffId}")
def change(staff_id: StaffId, asked: StaffChange, actor: Manager, db: TenantDb, http: Request) -> StaffMember:
    """Role, libraries, permissions, working hours; changed rights reach the tokens that are out."""
    _must_be_libraries(db, asked.library_ids)
    return staff.change(db, actor, staff_id, asked, http.headers.get("if-match"))


@api.delete("/staff/{staffId}", status_code=200)
def remove(staff_id: StaffId, actor: Manager, db: TenantDb, core: CoreDb) -> Removal:
    """Out for good. Unlike other deletions it answers 200: with a report of everything that ended with it."""
    return staff.remove(core, db, actor, staff_id)


@api.post("/staff/{staffId}/suspend")
def suspend(staff_id: StaffId, asked: Reason, actor: Manager, db: TenantDb) -> StaffMember:
    return staff.suspend(db, actor, staff_id, asked.reason)


@api.post("/staff/{staffId}/reactivate")
def reactivate(staff_id: StaffId, actor: Manager, db: TenantDb) -> StaffMember:
    return staff.reactivate(db, actor, staff_id)


@api.get("/staff/{staffId}/activity")
def activity(
    staff_id: StaffId, actor: Manager, db: TenantDb, paging: Paging, action: ActionSought | None = None
) -> Page[Entry]:
    """Actions, collections, edits: `?action=payments.*` tells the collections."""
    return staff.deeds(db, staff_id, paging, action)


@api.get("/roles")
def tenant_roles(actor: Annotated[Actor, allow("roles:read")], db: TenantDb) -> list[Role]:
    """Built-in roles, then the organisation's own."""
    return roles.listed(db, staff.counts(db))


@api.post("/roles", status_code=201)
def create_role(asked: RoleRequest, actor: RoleManager, db: TenantDb) -> Role:
    return roles.create(db, actor, asked)


@api.put("/roles/{roleId}")
def change_role(role_id: RoleId, asked: RoleChange, actor: RoleManager, db: TenantDb) -> Role:
    return roles.change(db, actor, role_id, asked, roles.of_staff)


@api.delete("/roles/{roleId}")
def delete_role(role_id: RoleId, actor: RoleManager, db: TenantDb) -> None:
    roles.delete(db, actor, role_id)


@api.post("/roles/simulate", keyed="ignored")
def simulate(asked: Question, actor: Annotated[Actor, allow("roles:simulate")], db: TenantDb, core: CoreDb) -> Decision:
    """Could this user do that, and why; decided as the user's own request would be."""
    return simulation.simulate(core, db, actor, asked, READS)


def _must_be_libraries(db: Db, wanted: list[UUID] | None) -> None:
    if wanted and not libraries.are_there(db, wanted):
        raise Invalid.field("libraryIds", "not all of these are libraries")


def _mail(db: Db, letter: Letter) -> None:
    messaging.mail(db, letter.template, letter.to, letter.variables, letter.recipient_id, letter.recipient_type)
