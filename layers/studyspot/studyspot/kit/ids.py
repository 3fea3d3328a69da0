"""Identifiers that sort by creation (UUID version 7, RFC 9562), made from the product's clock."""

from __future__ import annotations

import os
from uuid import UUID

from studyspot.kit import clock

PLATFORM = UUID("00000000-0000-7000-8000-000000000000")
"""Tenant zero: the platform itself."""


def uuid7() -> UUID:
    """48 bits of milliseconds, 12 bits of their fraction, 62 random bits."""
    micros = int(clock.now().timestamp() * 1_000_000)
    millis, rest = divmod(micros, 1000)
    fraction = rest * 4096 // 1000
    noise = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    return UUID(int=(millis << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | noise)
