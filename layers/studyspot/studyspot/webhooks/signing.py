"""Signatures as the Standard Webhooks define them (v1): HMAC-SHA256 over `id.timestamp.body`, base64."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from studyspot.kit import crypto

PREFIX = "whsec_"
PURPOSE = "webhooks.secret"


def fresh_secret() -> str:
    return PREFIX + base64.b64encode(os.urandom(32)).decode()


def sealed(secret: str, endpoint_id: UUID) -> str:
    """As it is kept."""
    return crypto.encrypted(PURPOSE, secret, endpoint_id.bytes)


def opened(kept: str, endpoint_id: UUID) -> str:
    return crypto.decrypted(PURPOSE, kept, endpoint_id.bytes)


def headers(message_id: str, sent_at: datetime, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """One signature a secret, so that a receiver may still hold the old one."""
    moment = str(int(sent_at.timestamp()))
    signed = b".".join((message_id.encode(), moment.encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(f"v1,{_mac(secret, signed)}" for secret in secrets),
    }


def _mac(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
