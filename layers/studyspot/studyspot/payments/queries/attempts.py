"""Orders asked of gateways, what they captured, and the story of it all."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from studyspot.gateways.payment import GatewayPayment
from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.payments.models import Attempt, Capture, GatewayName, Moment, Routing

ATTEMPT = ", ".join(Attempt.model_fields)
CAPTURE = ", ".join(Capture.model_fields)
ASKED = """
    INSERT INTO payment_attempts (id, payment_id, gateway, reference, state, cost_paise, decision, inputs,
                                  gateway_order_id, account_id, created_at, updated_at)
    VALUES (%(id)s, %(payment_id)s, %(gateway)s, %(reference)s, %(state)s, %(cost)s, %(decision)s::jsonb,
            %(inputs)s::jsonb, %(gateway_order_id)s, %(account_id)s, %(created_at)s, %(created_at)s)"""
EVENT = """
    INSERT INTO payment_events (id, payment_id, at, kind, detail)
    VALUES (%(id)s, %(payment_id)s, %(now)s, %(kind)s, %(detail)s::jsonb)"""


def insert_attempt(
    db: Db,
    payment_id: UUID,
    gateway: GatewayName,
    decision: Routing,
    order_id: str | None = None,
    account_id: UUID | None = None,
) -> Attempt:
    """Goes out with COMMIT, before the gateway is called, so that a lost answer can be looked up."""
    attempt = Attempt(
        id=(attempt_id := ids.uuid7()),
        payment_id=payment_id,
        gateway=gateway,
        reference=f"ss_{attempt_id.hex}",
        gateway_order_id=order_id,
        state="ordered" if order_id else "calling",
        decision=decision,
        created_at=clock.now(),
        account_id=account_id,
    )
    db.later(
        ASKED,
        **attempt.model_dump(exclude={"decision"}),
        cost=next(c.total_paise for c in decision.candidates if c.gateway == gateway),
        decision=decision.model_dump_json(by_alias=False),
        inputs=decision.inputs.model_dump_json(by_alias=False, exclude_defaults=True) if decision.inputs else None,
    )
    return attempt


def mark_attempt(db: Db, attempt_id: UUID, state: str, **columns: Any) -> None:
    """What became of it, going out with COMMIT."""
    also = "".join(f", {name} = %({name})s" for name in columns)
    db.later(
        f"UPDATE payment_attempts SET state = %(state)s, updated_at = %(now)s{also} WHERE id = %(id)s",
        id=attempt_id,
        state=state,
        now=clock.now(),
        **columns,
    )


def payment_of_order(db: Db, gateway: str, gateway_order_id: str) -> UUID | None:
    """The payment that this order is an attempt of."""
    found: UUID | None = db.value(
        "SELECT payment_id FROM payment_attempts WHERE gateway = %(gateway)s AND gateway_order_id = %(order_id)s",
        gateway=gateway,
        order_id=gateway_order_id,
    )
    return found


def attempts(db: Db, payment_id: UUID) -> list[Attempt]:
    """Every order asked for, oldest first."""
    return db.all(
        Attempt, f"SELECT {ATTEMPT} FROM payment_attempts WHERE payment_id = %(id)s ORDER BY id", id=payment_id
    )


def insert_capture(
    db: Db, payment_id: UUID, gateway: str, fact: GatewayPayment, fee: tuple[int, int, bool], surplus: bool
) -> Capture | None:
    """None when this money is known already."""
    return db.maybe(
        Capture,
        f"""
        INSERT INTO payment_captures (id, payment_id, gateway, gateway_order_id, gateway_payment_id, amount_paise,
                                      fee_paise, tax_paise, fee_known, surplus, rrn, captured_at, created_at)
        VALUES (%(id)s, %(payment_id)s, %(gateway)s, %(order_id)s, %(gateway_payment_id)s, %(amount)s, %(fee)s, %(tax)s,
                %(known)s, %(surplus)s, %(rrn)s, %(captured_at)s, %(now)s)
        ON CONFLICT (tenant_id, gateway, gateway_payment_id) DO NOTHING RETURNING {CAPTURE}""",
        id=ids.uuid7(),
        payment_id=payment_id,
        gateway=gateway,
        order_id=fact.order_id,
        gateway_payment_id=fact.id,
        amount=fact.amount_paise,
        fee=fee[0],
        tax=fee[1],
        known=fee[2],
        surplus=surplus,
        rrn=fact.rrn,
        captured_at=fact.captured_at or clock.now(),
        now=clock.now(),
    )


def learn_fee(db: Db, gateway: str, gateway_payment_id: str, fee_paise: int, tax_paise: int) -> Capture | None:
    """The gateway names its fee after all; None when it did before."""
    return db.maybe(
        Capture,
        f"UPDATE payment_captures SET fee_paise = %(fee)s, tax_paise = %(tax)s, fee_known = true"
        f" WHERE gateway = %(gateway)s AND gateway_payment_id = %(id)s AND NOT fee_known RETURNING {CAPTURE}",
        gateway=gateway,
        id=gateway_payment_id,
        fee=fee_paise,
        tax=tax_paise,
    )


def takers(db: Db, rrn: str) -> list[str]:
    """Through whom that transfer was taken: a gateway, or straight into the bank."""
    query = """
        SELECT gateway FROM payment_captures WHERE rrn = %(rrn)s
        UNION SELECT gateway FROM payment_captures WHERE gateway = 'bank' AND gateway_payment_id = %(rrn)s"""
    return [row["gateway"] for row in db.dicts(query, rrn=rrn)]


def learn_rrn(db: Db, gateway: str, gateway_payment_id: str, rrn: str) -> None:
    """The gateway tells the bank's number after all."""
    db.later(
        "UPDATE payment_captures SET rrn = %(rrn)s WHERE gateway = %(gateway)s AND gateway_payment_id = %(id)s"
        " AND rrn IS NULL",
        rrn=rrn,
        gateway=gateway,
        id=gateway_payment_id,
    )


def captures(db: Db, payment_id: UUID) -> list[Capture]:
    """What was taken for this payment, the one that counts first."""
    return db.all(
        Capture,
        f"SELECT {CAPTURE} FROM payment_captures WHERE payment_id = %(id)s ORDER BY surplus, id",
        id=payment_id,
    )


def note(db: Db, payment_id: UUID, kind: str, **detail: Any) -> None:
    """One line of the timeline, going out with COMMIT."""
    told = json.dumps({k: v for k, v in detail.items() if v is not None}, default=str)
    db.later(EVENT, id=ids.uuid7(), payment_id=payment_id, kind=kind, detail=told, now=clock.now())


def timeline(db: Db, payment_id: UUID) -> list[Moment]:
    """In the order in which things were learnt."""
    return db.all(
        Moment, "SELECT at, kind, detail FROM payment_events WHERE payment_id = %(id)s ORDER BY id", id=payment_id
    )
