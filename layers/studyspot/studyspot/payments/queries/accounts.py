"""An organisation's own accounts at gateways, and which account an order was asked of."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.payments.models import AccountRow

COLUMNS = ", ".join(f"a.{name}" for name in AccountRow.model_fields)


def account(db: Db, account_id: UUID) -> AccountRow:
    """Connected or not: what it took is still refunded through it."""
    return db.one(AccountRow, f"SELECT {COLUMNS} FROM gateway_accounts a WHERE a.id = %(id)s", id=account_id)


def account_of_order(db: Db, gateway: str, gateway_order_id: str) -> AccountRow | None:
    """The own account that an order was asked of; None for the platform's."""
    return db.maybe(
        AccountRow,
        f"""SELECT {COLUMNS} FROM payment_attempts t JOIN gateway_accounts a ON a.id = t.account_id
            WHERE t.gateway = %(gateway)s AND t.gateway_order_id = %(order_id)s""",
        gateway=gateway,
        order_id=gateway_order_id,
    )


def connected(db: Db, gateway: str | None = None, lock: str = "") -> list[AccountRow]:
    """Those that take payments now."""
    return db.all(
        AccountRow,
        f"""SELECT {COLUMNS} FROM gateway_accounts a
            WHERE a.status = 'connected' AND (%(gateway)s::text IS NULL OR a.gateway = %(gateway)s)
            ORDER BY a.gateway {lock}""",
        gateway=gateway,
    )


def known(db: Db, gateway: str, key_id: str) -> AccountRow | None:
    """An account that was connected before."""
    return db.maybe(
        AccountRow,
        f"SELECT {COLUMNS} FROM gateway_accounts a WHERE a.gateway = %(gateway)s AND a.key_id = %(key_id)s FOR UPDATE",
        gateway=gateway,
        key_id=key_id,
    )


def add_account(db: Db, gateway: str, key_id: str, mode: str) -> UUID:
    """Not connected yet: its credentials are sealed under the id it has now."""
    account_id = ids.uuid7()
    db.run(
        """INSERT INTO gateway_accounts (id, gateway, key_id, credentials, mode, status, created_at, updated_at)
           VALUES (%(id)s, %(gateway)s, %(key_id)s, '', %(mode)s, 'disconnected', %(now)s, %(now)s)""",
        id=account_id,
        gateway=gateway,
        key_id=key_id,
        mode=mode,
        now=clock.now(),
    )
    return account_id


def change_account(db: Db, account_id: UUID, **columns: Any) -> AccountRow:
    """Set these columns."""
    given = "".join(f"{name} = %({name})s, " for name in columns)
    return db.one(
        AccountRow,
        f"UPDATE gateway_accounts a SET {given}updated_at = %(now)s WHERE a.id = %(id)s RETURNING {COLUMNS}",
        id=account_id,
        now=clock.now(),
        **columns,
    )


def register_account(core: Db, account_id: UUID, gateway: str, tenant_id: UUID) -> None:
    """The directory learns whose account a webhook names."""
    core.run(
        """INSERT INTO gateway_account_owners (account_id, gateway, tenant_id, created_at)
           VALUES (%(id)s, %(gateway)s, %(tenant)s, %(now)s) ON CONFLICT DO NOTHING""",
        id=account_id,
        gateway=gateway,
        tenant=tenant_id,
        now=clock.now(),
    )


def owner_of_account(core: Db, gateway: str, account_id: UUID) -> UUID | None:
    """Whose account that is."""
    found: UUID | None = core.value(
        "SELECT tenant_id FROM gateway_account_owners WHERE account_id = %(id)s AND gateway = %(gateway)s",
        id=account_id,
        gateway=gateway,
    )
    return found
