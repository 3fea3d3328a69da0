"""Every statement on an organisation's proof of identity."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kyc.models import KycRow, Status

COLUMNS = ", ".join(KycRow.model_fields)
EDITABLE = ("legal_name", "pan", "gstin", "account_number", "account_name", "ifsc", "documents")


def found(db: Db, lock: str = "") -> KycRow | None:
    """None before anything was given."""
    return db.maybe(KycRow, f"SELECT {COLUMNS} FROM tenant_kyc {lock}")


def keep(db: Db, values: dict[str, Any], status: Status) -> KycRow:
    """The next version: what was decided about an earlier one no longer holds."""
    columns = ", ".join(EDITABLE)
    given = ", ".join(f"%({name})s" for name in EDITABLE)
    changed = ", ".join(f"{name} = EXCLUDED.{name}" for name in EDITABLE)
    return db.one(
        KycRow,
        f"""INSERT INTO tenant_kyc AS k ({columns}, status, created_at, updated_at)
            VALUES ({given}, %(status)s, %(now)s, %(now)s)
            ON CONFLICT (tenant_id) DO UPDATE SET {changed}, status = EXCLUDED.status, reason = NULL,
                decided_by = NULL, decided_at = NULL, version = k.version + 1, updated_at = EXCLUDED.updated_at
            RETURNING {COLUMNS}""",
        status=status,
        now=clock.now(),
        **{name: values.get(name) for name in EDITABLE},
    )


def decide(db: Db, status: Status, reason: str | None, by: UUID | None) -> KycRow:
    """The verdict on what is there; the caller holds the row."""
    return db.one(
        KycRow,
        f"""UPDATE tenant_kyc SET status = %(status)s, reason = %(reason)s, decided_by = %(by)s, decided_at = %(now)s,
                updated_at = %(now)s RETURNING {COLUMNS}""",
        status=status,
        reason=reason,
        by=by,
        now=clock.now(),
    )
