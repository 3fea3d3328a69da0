"""Passwords: how strong they must be, how they are kept, and checks that take the same time for nobody's password."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import bcrypt

from studyspot.identity.models import WeakPassword
from studyspot.kit import settings

SHORTEST = 10
SHORTEST_ADMIN = 12
FEWEST_CHARACTERS = 5
COMMON = frozenset(Path(__file__).with_name("common_passwords.txt").read_text().split())
"""The most used of those that are long enough (leaked-password rankings, and the obvious ones for this trade)."""
WORDS = re.compile("studyspot|study|library|librarian|students?|owner|staff|admin(istrator)?|password|welcome|[^a-z]")
"""What anybody would try here first; it adds nothing to how hard a password is to guess, nor do figures and signs."""


def must_be_strong(password: str, email: str | None = None, admin: bool = False) -> None:
    """Raises WeakPassword; length counts characters."""
    shortest = SHORTEST_ADMIN if admin else SHORTEST
    if len(password) < shortest:
        raise WeakPassword(f"a password has at least {shortest} characters")
    plain = password.casefold()
    if plain in COMMON or len(set(plain)) < FEWEST_CHARACTERS:
        raise WeakPassword
    if len(WORDS.sub("", plain)) < FEWEST_CHARACTERS and any(c.isalpha() for c in plain) and plain.isascii():
        raise WeakPassword("the password is made of words that anybody would try here")
    if email and plain in (email, email.partition("@")[0]):
        raise WeakPassword("the password must not be the e-mail address")


def hashed(password: str) -> str:
    """For storing."""
    return bcrypt.hashpw(_digest(password), bcrypt.gensalt(settings.get().bcrypt_cost)).decode()


def matches(password: str, stored: str | None) -> bool:
    """Where nothing is stored, a check that cannot succeed takes the time of one that could."""
    known = stored or _nobodys()
    return bcrypt.checkpw(_digest(password), known.encode()) and stored is not None


def outdated(stored: str) -> bool:
    """Was it made with another cost than today's?"""
    return stored.split("$")[2] != f"{settings.get().bcrypt_cost:02d}"


def _nobodys() -> str:
    return f"$2b${settings.get().bcrypt_cost:02d}$" + "." * 53


def _digest(password: str) -> bytes:
    """bcrypt reads 72 bytes and stops at NUL; a digest has neither trouble, however long the password."""
    return base64.b64encode(hashlib.sha256(password.encode()).digest())
