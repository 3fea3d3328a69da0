"""Addresses that end in a line break, or hide one, are none: they would be a second header or line elsewhere."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError
from studyspot.kit.models import EMAIL, PHONE, Email, Phone


@pytest.mark.parametrize("inner", ["\n", "\r\n", "\r\nBcc: all@example.org", "\x00", " ", ",", "\u2028"])
def test_an_address_is_one_line_and_one_address(inner: str) -> None:
    for text in (f"a@example.org{inner}", f"a{inner}@example.org", f"{inner}a@example.org"):
        with pytest.raises(ValidationError):
            TypeAdapter(Email).validate_python(text)
        assert not EMAIL.fullmatch(text)


def test_a_number_is_written_in_plain_figures() -> None:
    assert TypeAdapter(Phone).validate_python("98765 43210") == "+919876543210"
    for text in ("+919876543210\r\nx", "\u0669876543210", "987654321", "5876543210", "+919876543210;+919876543211"):
        with pytest.raises(ValidationError):
            TypeAdapter(Phone).validate_python(text)
    assert not PHONE.fullmatch("+919876543210\n")
