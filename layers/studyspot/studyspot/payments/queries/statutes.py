"""Figures of law that bind payments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from studyspot.kit.db import Db


def statutory(db: Db, codes: Sequence[str], on: date) -> dict[str, Any]:
    """Each figure as it is in force on a day."""
    rows = db.dicts(
        "SELECT DISTINCT ON (code) code, value FROM statutory_params WHERE code = ANY (%(codes)s)"
        " AND valid_from <= %(on)s ORDER BY code, valid_from DESC",
        codes=list(codes),
        on=on,
    )
    return {row["code"]: row["value"] for row in rows}
