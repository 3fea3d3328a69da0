"""Devices: bound to a library, its hours and what their kind does; listed and revoked by whoever hands them out."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from studyspot.identity.models.devices import Device, DeviceRequest, DeviceToken
from studyspot.identity.queries import devices as queries
from studyspot.identity.queries import sessions
from studyspot.identity.service.sessions import end_session
from studyspot.kit import audit, clock, devices, ids
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging

LASTS = timedelta(days=365)


def mint(db: Db, asked: DeviceRequest) -> DeviceToken:
    """A device's own session, which the gate holds to the library's hours."""
    device, until = ids.uuid7(), clock.now() + LASTS
    token = devices.mint(db.tenant, device)
    with db.transaction():
        made = queries.add(db, device, asked, devices.hashed(token))
        if made is None:
            raise NotFound
        sessions.open_session(db, device, device, devices.KIOSK, {}, until, kiosk_of=made.library_id)
        audit.note(
            db, "auth.device_minted", "devices", device, after={"libraryId": str(made.library_id), "kind": made.kind}
        )
    return DeviceToken(**made.model_dump(), token=token, expires_at=until)


def listed(db: Db, paging: Paging, library: UUID | None = None) -> Page[Device]:
    """Those of the caller's libraries, or of one."""
    return paging.page(queries.listed(db, paging, library))


def revoke(db: Db, device: UUID, library: UUID | None = None) -> None:
    """Its token opens nothing from the COMMIT on."""
    with db.transaction():
        if not queries.revoke(db, device, library):
            raise NotFound
        end_session(db, device, "revoked")
        audit.note(db, "auth.device_revoked", "devices", device)
