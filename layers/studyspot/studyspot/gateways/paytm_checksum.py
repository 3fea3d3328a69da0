"""Paytm's checksum: SHA-256 of a text and a salt, hidden under AES-128-CBC with the merchant's key. It is no HMAC."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Mapping
from typing import TYPE_CHECKING

from studyspot.kit.errors import BadSignature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import CBC

IV = b"@@@@&&&&####$$$$"
SALT_LETTERS = string.ascii_letters + string.digits
SALT_LENGTH = 4
KEY_BYTES = 16
HIDDEN = re.compile(r"[0-9a-f]{64}.{4}", re.ASCII)
UNSIGNED = "CHECKSUMHASH"


def joined(fields: Mapping[str, str], null: str = "") -> str:
    """What is signed of a form: the values in the order of their names; `null` is what the word "null" counts as."""
    named = sorted((name, value) for name, value in fields.items() if name != UNSIGNED)
    return "|".join(null if value == "null" else value for _, value in named)


def sign(key: str, text: str, salt: str | None = None) -> str:
    """The checksum of exactly this text."""
    from cryptography.hazmat.primitives.padding import PKCS7

    salt = salt or "".join(secrets.choice(SALT_LETTERS) for _ in range(SALT_LENGTH))
    padder, cipher = PKCS7(128).padder(), _cipher(key).encryptor()
    padded = padder.update(_hidden(text.encode("utf-8", "surrogatepass"), salt)) + padder.finalize()
    return base64.b64encode(cipher.update(padded) + cipher.finalize()).decode()


def verify(key: str, texts: list[bytes], presented: object) -> None:
    """BadSignature unless the checksum belongs to one of the texts; whatever is malformed belongs to none."""
    told = _opened(key, presented)
    salt = told[-SALT_LENGTH:]
    matches = [hmac.compare_digest(_hidden(text, salt), told.encode()) for text in texts]
    if not any(matches):
        raise BadSignature


def verify_form(key: str, fields: Mapping[str, str]) -> None:
    """The vendor's libraries disagree about a value that is the word "null": either reading is a genuine one."""
    texts = {joined(fields, null) for null in ("", "null")}
    verify(key, [text.encode("utf-8", "surrogatepass") for text in texts], fields.get(UNSIGNED))


def _hidden(text: bytes, salt: str) -> bytes:
    return (hashlib.sha256(text + b"|" + salt.encode()).hexdigest() + salt).encode()


def _opened(key: str, presented: object) -> str:
    """The digest and its salt. An empty key, or one of another length, admits nobody."""
    from cryptography.hazmat.primitives.padding import PKCS7

    if not isinstance(presented, str) or len(key.encode()) != KEY_BYTES:
        raise BadSignature
    try:
        sealed = base64.b64decode(presented.encode("ascii"), validate=True)
        cipher, unpadder = _cipher(key).decryptor(), PKCS7(128).unpadder()
        padded = cipher.update(sealed) + cipher.finalize()
        told = (unpadder.update(padded) + unpadder.finalize()).decode("ascii")
    except ValueError:
        raise BadSignature from None
    if not HIDDEN.fullmatch(told):
        raise BadSignature
    return told


def _cipher(key: str) -> Cipher[CBC]:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    return Cipher(algorithms.AES(key.encode()), modes.CBC(IV))
