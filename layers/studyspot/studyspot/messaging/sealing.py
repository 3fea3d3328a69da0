"""Codes and links on their way: encrypted while they wait for the vendor, masked wherever a person can look."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from studyspot.kit import crypto

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MASK = "******"


def seal(variables: Mapping[str, str], message: UUID) -> str:
    """AES-256-GCM under a key of its own, bound to the message."""
    nonce = os.urandom(12)
    body = _cipher().encrypt(nonce, json.dumps(variables).encode(), message.bytes)
    return base64.b64encode(nonce + body).decode()


def unseal(sealed: str, message: UUID) -> dict[str, str]:
    """What was sealed; a changed or moved text raises."""
    raw = base64.b64decode(sealed)
    opened: dict[str, str] = json.loads(_cipher().decrypt(raw[:12], raw[12:], message.bytes))
    return opened


def masked(variables: Mapping[str, str], secrets: tuple[str, ...]) -> dict[str, str]:
    return {name: MASK if name in secrets else value for name, value in variables.items()}


def _cipher() -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(bytes.fromhex(crypto.keyed_hash("messages.sealed", "key")))
