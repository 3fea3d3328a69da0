"""Rotating codes: HMAC(secret, 30-second step, nonce), accepted one step either way.

A library's is shown at its door and read by students' phones; a student's own is shown to the kiosk. The secret of a
student's code lasts a day, so that what a kiosk is given to check codes without a line opens nothing the day after.
"""

from __future__ import annotations

import base64
import hmac
import os
import struct
from datetime import UTC, datetime
from uuid import UUID

from studyspot.attendance.models import PersonalCode, QrCode
from studyspot.attendance.models.refusals import QrExpired, QrInvalid
from studyspot.kit import crypto

STEP_SECONDS = 30
TOLERANCE = 1
BODY = struct.Struct(">16sIQ")
MAC_BYTES = 16
STEPS_A_DAY = 24 * 60 * 60 // STEP_SECONDS


def step_at(moment: datetime) -> int:
    return int(moment.timestamp()) // STEP_SECONDS


def issue(tenant: UUID, library: UUID, now: datetime) -> QrCode:
    """The code for this step; a new nonce each time, so that two displays never show the same."""
    step = step_at(now)
    text = _code(library, step, library_secret(tenant, library))
    return QrCode(code=text, library_id=library, expires_at=_end_of(step))


def issue_own(tenant: UUID, student: UUID, now: datetime) -> PersonalCode:
    """A student's own code for this step."""
    step = step_at(now)
    text = _code(student, step, student_secret(tenant, student, day_of(step)))
    return PersonalCode(code=text, student_id=student, expires_at=_end_of(step))


def read(tenant: UUID, code: str, now: datetime) -> tuple[UUID, int]:
    """The library and step of a genuine, fresh code of this tenant."""
    library, step, raw = _taken_apart(code)
    _must_be_genuine(raw, library_secret(tenant, library))
    return library, _fresh(step, now)


def read_own(tenant: UUID, code: str, now: datetime | None) -> tuple[UUID, int]:
    """The student and step of a genuine code; fresh, unless it is read later than it was shown (`now` is None)."""
    student, step, raw = _taken_apart(code)
    _must_be_genuine(raw, student_secret(tenant, student, day_of(step)))
    return student, step if now is None else _fresh(step, now)


def day_of(step: int) -> int:
    return step // STEPS_A_DAY


def library_secret(tenant: UUID, library: UUID) -> bytes:
    """Derived from the stage's key, so that none has to be stored."""
    return crypto.keyed_hash("attendance-qr", f"{tenant}/{library}").encode()


def student_secret(tenant: UUID, student: UUID, day: int) -> bytes:
    """Of one student for one day (in UTC)."""
    return crypto.keyed_hash("attendance-own-qr", f"{tenant}/{student}/{day}").encode()


def _code(of: UUID, step: int, secret: bytes) -> str:
    body = BODY.pack(of.bytes, step, int.from_bytes(os.urandom(8)))
    return base64.urlsafe_b64encode(body + _mac(secret, body)).decode().rstrip("=")


def _taken_apart(code: str) -> tuple[UUID, int, bytes]:
    try:
        raw = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
        named, step, _ = BODY.unpack(raw[: BODY.size])
    except (ValueError, struct.error) as error:
        raise QrInvalid from error
    return UUID(bytes=named), step, raw


def _must_be_genuine(raw: bytes, secret: bytes) -> None:
    if not hmac.compare_digest(raw[BODY.size :], _mac(secret, raw[: BODY.size])):
        raise QrInvalid


def _fresh(step: int, now: datetime) -> int:
    if abs(step - step_at(now)) > TOLERANCE:
        raise QrExpired
    return step


def _end_of(step: int) -> datetime:
    return datetime.fromtimestamp((step + 1) * STEP_SECONDS, UTC)


def _mac(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, body, "sha256")[:MAC_BYTES]
