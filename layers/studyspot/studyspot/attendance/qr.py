"""The rotating code of a library: HMAC(library's secret, 30-second step, nonce), accepted one step either way."""

from __future__ import annotations

import base64
import hmac
import os
import struct
from datetime import UTC, datetime
from uuid import UUID

from studyspot.attendance.models import QrCode, QrExpired, QrInvalid
from studyspot.kit import crypto

STEP_SECONDS = 30
TOLERANCE = 1
BODY = struct.Struct(">16sIQ")
MAC_BYTES = 16


def step_at(moment: datetime) -> int:
    return int(moment.timestamp()) // STEP_SECONDS


def issue(tenant: UUID, library: UUID, now: datetime) -> QrCode:
    """The code for this step; a new nonce each time, so that two displays never show the same."""
    step = step_at(now)
    body = BODY.pack(library.bytes, step, int.from_bytes(os.urandom(8)))
    text = base64.urlsafe_b64encode(body + _mac(tenant, library, body)).decode().rstrip("=")
    expires = datetime.fromtimestamp((step + 1) * STEP_SECONDS, UTC)
    return QrCode(code=text, library_id=library, expires_at=expires)


def read(tenant: UUID, code: str, now: datetime) -> tuple[UUID, int]:
    """The library and step of a genuine, fresh code of this tenant."""
    try:
        raw = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
        library_bytes, step, _ = BODY.unpack(raw[: BODY.size])
    except (ValueError, struct.error) as error:
        raise QrInvalid from error
    library = UUID(bytes=library_bytes)
    if not hmac.compare_digest(raw[BODY.size :], _mac(tenant, library, raw[: BODY.size])):
        raise QrInvalid
    if abs(step - step_at(now)) > TOLERANCE:
        raise QrExpired
    return library, step


def _mac(tenant: UUID, library: UUID, body: bytes) -> bytes:
    """Under a secret of the library's own, derived from the stage's key so that none has to be stored."""
    secret = crypto.keyed_hash("attendance-qr", f"{tenant}/{library}").encode()
    return hmac.digest(secret, body, "sha256")[:MAC_BYTES]
