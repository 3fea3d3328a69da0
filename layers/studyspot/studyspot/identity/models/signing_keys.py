"""The product's signing keys as an operator sees them, and why they cannot be rotated now."""

from __future__ import annotations

from typing import Literal

from studyspot.kit.errors import StateConflict
from studyspot.kit.models import Model, Timestamp


class SigningKeyView(Model):
    """One key; the private part is nobody's to see."""

    kid: str
    alg: str
    status: Literal["next", "current", "previous", "retired"]
    not_before: Timestamp
    not_after: Timestamp | None


class RotationPending(StateConflict):
    """The next key is published already and signs as soon as everybody can know it."""

    code = "rotation_pending"


class KeysFixed(StateConflict):
    """The keys of this stage stand in its environment; only its operator changes them."""

    code = "keys_fixed"
