"""The notices as they were published: one file a version and language, never edited afterwards."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

from studyspot.kit.errors import NotFound
from studyspot.privacy.models import Language, Notice

HERE = Path(__file__).parent


@cache
def versions() -> list[int]:
    """Every version that was ever shown, oldest first."""
    return sorted({int(path.name.split(".")[0]) for path in HERE.glob("*.md")})


def notice(language: Language, version: int | None = None) -> Notice:
    """The newest, or the one somebody agreed to; NotFound for one that never was."""
    number = version or versions()[-1]
    path = HERE / f"{number}.{language}.md"
    if not path.exists():
        raise NotFound
    title, published, text = path.read_text().split("\n\n", 2)
    day = date.fromisoformat(published)
    return Notice(
        version=number, language=language, published_on=day, title=title[2:], text=text.strip(), versions=versions()
    )
