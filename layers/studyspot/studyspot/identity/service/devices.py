"""Kiosks: bound to a library, its opening hours and the door; listed and revoked by whoever may hand them out."""

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
        made = queries.add(db, device, asked.library_id, asked.name, devices.hashed(token))
        if made is None:
            raise NotFound
        sessions.open_session(db, device, device, devices.KIOSK, {}, until, kiosk_of=made.library_id)
        audit.note(db, "auth.device_minted", "devices", device, after={"libraryId": str(made.library_id)})
    return DeviceToken(**made.model_dump(), token=token, expires_at=until)


def listed(db: Db, paging: Paging) -> Page[Device]:
    """Those of the caller's libraries."""
    return paging.page(queries.listed(db, paging))


def revoke(db: Db, device: UUID) -> None:
    """Its token opens nothing from the COMMIT on."""
    with db.transaction():
        if not queries.revoke(db, device):
            raise NotFound
        end_session(db, device, "revoked")
        audit.note(db, "auth.device_revoked", "devices", device)
