"""Paytm's checksum as Paytm computes it: its own implementation, so that the product's is checked by another."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import string

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

IV = b"@@@@&&&&####$$$$"


def _cipher(key: str) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key.encode()), modes.CBC(IV))


def _digest(text: str, salt: str) -> str:
    return hashlib.sha256(f"{text}|{salt}".encode()).hexdigest() + salt


def sign(key: str, text: str) -> str:
    """Base64 of the hidden digest and its salt."""
    plain = _digest(text, "".join(secrets.choice(string.ascii_letters) for _ in range(4))).encode()
    short = 16 - len(plain) % 16
    machine = _cipher(key).encryptor()
    return base64.b64encode(machine.update(plain + bytes([short]) * short) + machine.finalize()).decode()


def sign_form(key: str, fields: dict[str, str]) -> str:
    """Over the values in the order of their names."""
    return sign(key, "|".join(fields[name] for name in sorted(fields)))


def fits(key: str, text: str, presented: str) -> bool:
    """Whether the checksum belongs to the text."""
    try:
        machine = _cipher(key).decryptor()
        plain = machine.update(base64.b64decode(presented)) + machine.finalize()
        told = plain[: -plain[-1]].decode()
    except (ValueError, IndexError):
        return False
    return told == _digest(text, told[-4:])


def body_of(message: str) -> str | None:
    """The text of the member `body`, as it was sent: members come as `{"body": …, "head": …}` or the other way."""
    decoder = json.JSONDecoder()
    at = message.find('"body":')
    if at < 0:
        return None
    start = at + len('"body":')
    while message[start : start + 1] == " ":
        start += 1
    try:
        _, end = decoder.raw_decode(message, start)
    except ValueError:
        return None
    return message[start:end]
