"""Which passwords are taken: long ones of any kind, but none that anybody would try here first."""

from __future__ import annotations

import pytest
from studyspot.identity import passwords
from studyspot.identity.models import WeakPassword


@pytest.mark.parametrize(
    "weak",
    [
        "studyspot2026", "StudySpot@123", "Library-2026!", "LibraryOwner1", "study library 1", "Admin-Admin-1",
        "Welcome@12345", "librarystaff99", "Password!2026", "short", "aaaaaaaaaaaa", "1234567890",
    ],
)  # fmt: skip
def test_what_anybody_would_try_here_first_is_refused(weak: str) -> None:
    with pytest.raises(WeakPassword):
        passwords.must_be_strong(weak)


@pytest.mark.parametrize(
    "strong",
    [
        "a quiet reading room", "lantern library 7", "studyspot and a marigold", "correct horse battery",
        "8412 0375 9926 4", "\u0936\u093e\u0902\u0924 \u0915\u092e\u0930\u0947 \u092e\u0947\u0902", "x7!Kq" * 12,
    ],
)  # fmt: skip
def test_any_kind_of_character_makes_a_password(strong: str) -> None:
    passwords.must_be_strong(strong)


def test_sixty_four_characters_and_a_thousand_are_taken_and_all_count() -> None:
    long = "lantern harbour " * 64
    kept = passwords.hashed(long[:1000])
    assert passwords.matches(long[:1000], kept)
    assert not passwords.matches(long[:999], kept)
    assert not passwords.matches(long[:1000].upper(), kept)
