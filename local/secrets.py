"""The stage's own secrets: made on the first start, kept for its owner's eyes, worthless anywhere else."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from local.simulators import Keys

ROLES = ("app", "worker", "migrator")


def _token() -> str:
    return secrets.token_urlsafe(24)


def _signing_keys() -> list[dict[str, str]]:
    """One private ES256 key as a JWK."""
    private = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    numbers = {"x": private.public_numbers.x, "y": private.public_numbers.y, "d": private.private_value}
    encoded = {
        name: base64.urlsafe_b64encode(value.to_bytes(32, "big")).decode().rstrip("=")
        for name, value in numbers.items()
    }
    return [{"kty": "EC", "crv": "P-256", "kid": f"local-{secrets.token_hex(4)}", "alg": "ES256"} | encoded]


def _vendor_keys() -> dict[str, str]:
    made = {name: _token() for name in asdict(Keys()) if name not in ("razorpay_key_id", "paytm_website")}
    return made | {
        "razorpay_key_id": f"rzp_test_{secrets.token_hex(7)}",
        "paytm_mid": f"Local{secrets.token_hex(7)}",
        "paytm_merchant_key": secrets.token_hex(8),  # AES-128 takes sixteen characters, no more and no fewer
        "stripe_publishable_key": f"pk_test_{secrets.token_hex(12)}",
        "stripe_secret_key": f"sk_test_{secrets.token_hex(12)}",
        "stripe_webhook_secret": f"whsec_{secrets.token_hex(16)}",
    }


@dataclass(frozen=True)
class Secrets:
    """Passwords of the database roles, the product's keys, the accounts at the simulated vendors."""

    roles: dict[str, str] = field(default_factory=lambda: {role: _token() for role in ROLES})
    hmac_key: str = field(default_factory=_token)
    signing_keys: list[dict[str, str]] = field(default_factory=_signing_keys)
    vendors: dict[str, str] = field(default_factory=_vendor_keys)

    @property
    def keys(self) -> Keys:
        return Keys(**self.vendors)


def kept_in(directory: Path) -> Secrets:
    """Those of an earlier start, or new ones."""
    file = directory / "secrets.json"
    if file.exists():
        kept: dict[str, Any] = json.loads(file.read_text())
        return Secrets(**kept)
    made = Secrets()
    directory.mkdir(parents=True, exist_ok=True)
    write_private(file, json.dumps(asdict(made), indent=2))
    return made


def ring_in(directory: Path, made: Secrets) -> Path:
    """The file of signing keys, which rotation rewrites; it begins with the stage's first."""
    file = directory / "signing-keys.json"
    if not file.exists():
        write_private(file, json.dumps(made.signing_keys))
    return file


def write_private(file: Path, text: str) -> None:
    """A file that only its owner may read, from its first byte on."""
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(file)
