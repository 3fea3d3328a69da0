"""Devices of a library that sign in by a token of their own."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from studyspot.kit.models import Model, Name, Timestamp

DeviceKind = Literal["kiosk", "biometric", "display"]
"""Lets people in and out · tells who put a finger or card on it · shows the code."""


class LibraryDeviceRequest(Model):
    """A new device of the library that the path names."""

    name: Name
    kind: DeviceKind = "kiosk"


class DeviceRequest(LibraryDeviceRequest):
    """A new device of a library."""

    library_id: UUID


class Device(Model):
    """A device of a library."""

    id: UUID
    library_id: UUID
    kind: DeviceKind
    name: str
    last_seen_at: Timestamp | None
    revoked_at: Timestamp | None
    created_at: Timestamp


class DeviceToken(Device):
    """The token is shown now and never again."""

    token: str
    expires_at: Timestamp
