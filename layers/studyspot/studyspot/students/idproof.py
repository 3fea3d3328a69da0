"""Numbers of identity documents: encrypted at rest, the last four characters readable beside the ciphertext."""

from __future__ import annotations

import base64
import os
from uuid import UUID

from studyspot.kit import crypto


def sealed(number: str, student_id: UUID) -> str:
    """`<AES-256-GCM, bound to the student>:<last four>`."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(12)
    key = bytes.fromhex(crypto.keyed_hash("students.id_proof", "key"))
    body = AESGCM(key).encrypt(nonce, number.encode(), student_id.bytes)
    return f"{base64.b64encode(nonce + body).decode()}:{number[-4:]}"
