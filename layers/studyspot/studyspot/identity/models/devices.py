"""Devices of a library that sign in by a token of their own."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit.models import Model, Name, Timestamp


class DeviceRequest(Model):
    library_id: UUID
    name: Name


class Device(Model):
    """A kiosk of a library."""

    id: UUID
    library_id: UUID
    name: str
    last_seen_at: Timestamp | None
    revoked_at: Timestamp | None
    created_at: Timestamp


class DeviceToken(Device):
    """The token is shown now and never again."""

    token: str
    expires_at: Timestamp
