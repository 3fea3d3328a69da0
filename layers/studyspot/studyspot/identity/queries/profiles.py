"""Everybody's own row, wherever it is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.identity.models.staff import ProfileFacts
from studyspot.kit import clock
from studyspot.kit.db import Db

TABLES = {"library_owner": "library_owners", "platform_admin": "admin_users", "platform_staff": "admin_users"}
FACTS = {
    "library_owners": "SELECT status, avatar_url, last_login_at, created_at FROM library_owners WHERE id = %(id)s",
    "admin_users": "SELECT status, avatar_url, last_login_at, created_at FROM admin_users WHERE id = %(id)s",
    "users": "SELECT status, avatar_url, last_login_at, created_at FROM users WHERE id = %(id)s",
}
COLUMNS = {
    "library_owners": {
        "name": "name = %(name)s",
        "phone": "phone = %(phone)s",
        "avatar_url": "avatar_url = %(avatar_url)s",
    },
    "admin_users": {"name": "first_name = %(name)s, last_name = NULL", "avatar_url": "avatar_url = %(avatar_url)s"},
    "users": {
        "name": "first_name = %(name)s, last_name = NULL",
        "phone": "phone = %(phone)s",
        "avatar_url": "avatar_url = %(avatar_url)s",
    },
}


def _table(user_type: str) -> str:
    return TABLES.get(user_type, "users")


def facts(place: Db, user_type: str, user_id: UUID) -> ProfileFacts | None:
    """What only their own row tells; `place` is where it is."""
    return place.maybe(ProfileFacts, FACTS[_table(user_type)], id=user_id)


def has_phone(user_type: str) -> bool:
    """Platform users have none."""
    return "phone" in COLUMNS[_table(user_type)]


def change(place: Db, user_type: str, user_id: UUID, changes: dict[str, Any]) -> None:
    """The fields that were sent."""
    table = _table(user_type)
    columns = ", ".join(COLUMNS[table][name] for name in changes)
    place.run(f"UPDATE {table} SET {columns}, updated_at = %(now)s WHERE id = %(id)s", id=user_id, now=clock.now(),
              **changes)  # fmt: skip
