"""What a file is, told by what it begins with."""

from __future__ import annotations

from studyspot.files.models import CSV, JPEG, PDF, PNG, WEBP, XLSX, ZIP

ENOUGH = 4096
"""Bytes that are looked at."""
WORKBOOK_PARTS = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/")
"""What the first entry of a workbook's archive is called (ECMA-376, part 2)."""

ARCHIVE_PART = b"data/"
"""How the first entry of an organisation's archive begins."""


def type_of(beginning: bytes) -> str | None:
    """The media type, or None for whatever is not accepted anywhere."""
    if beginning.startswith(b"\xff\xd8\xff"):
        return JPEG
    if beginning.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if beginning.startswith(b"RIFF") and beginning[8:12] == b"WEBP":
        return WEBP
    if beginning.startswith(b"%PDF-"):
        return PDF
    if beginning.startswith(b"PK\x03\x04"):
        if beginning[30:].startswith(ARCHIVE_PART):
            return ZIP
        return XLSX if beginning[30:].startswith(WORKBOOK_PARTS) else None
    return CSV if _is_table(beginning) else None


def _is_table(beginning: bytes) -> bool:
    """Text without control characters that does not look like markup, in UTF-8 or a Windows code page."""
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()
    plain = all(byte >= 0x20 or byte in b"\t\r\n" for byte in text)
    return bool(text) and plain and not text.startswith((b"<", b"{", b"#!"))
