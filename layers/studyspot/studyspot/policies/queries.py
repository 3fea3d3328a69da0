"""Every statement on the settings of an organisation: the newest version counts, none is ever changed."""

from __future__ import annotations

import json
from typing import Any

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.policies.models import Kind, SettingsVersion

COLUMNS = "version, value, changed_by, changed_at"


def newest(db: Db, kind: Kind) -> SettingsVersion | None:
    """None while nothing was ever changed."""
    return db.maybe(
        SettingsVersion,
        f"SELECT {COLUMNS} FROM tenant_settings WHERE kind = %(kind)s ORDER BY version DESC LIMIT 1",
        kind=kind,
    )


def add(db: Db, kind: Kind, version: int, value: dict[str, Any]) -> SettingsVersion | None:
    """The next version; None when somebody else wrote it first. The key decides."""
    return db.maybe(
        SettingsVersion,
        f"""INSERT INTO tenant_settings (kind, version, value, changed_by, changed_at)
            VALUES (%(kind)s, %(version)s, %(value)s::jsonb, %(by)s, %(now)s)
            ON CONFLICT (tenant_id, kind, version) DO NOTHING RETURNING {COLUMNS}""",
        kind=kind,
        version=version,
        value=json.dumps(value),
        by=db.actor.id if db.actor else None,
        now=clock.now(),
    )


def versions(db: Db, kind: Kind, paging: Paging) -> list[SettingsVersion]:
    """Newest first."""
    return db.all(
        SettingsVersion,
        f"""SELECT {COLUMNS} FROM tenant_settings
            WHERE kind = %(kind)s AND (%(after)s::bigint IS NULL OR version < %(after)s)
            ORDER BY version DESC LIMIT %(fetch)s""",
        kind=kind,
        after=paging.after,
        fetch=paging.fetch,
    )
