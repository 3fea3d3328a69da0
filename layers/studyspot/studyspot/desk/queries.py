"""Every statement on claims, the bank's lines and links."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.desk.models import BankLine, Claim, ClaimRequest, ClaimStatus, LinkRequest
from studyspot.kit import clock, ids
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.kit.pages import Paging

CLAIM = """
    SELECT c.id, c.payment_id, p.student_id, p.purpose, p.purpose_id, p.description, p.payer_name, c.rrn,
           c.amount_paise, c.paid_at, c.proof_file_id, c.status, c.matched, c.reason, p.status AS payment_status,
           c.created_at, c.decided_at
    FROM payment_claims c JOIN payments p ON p.id = c.payment_id"""
CLAIMS = f"""{CLAIM}
    WHERE (%(status)s::text IS NULL OR c.status = %(status)s)
      AND (%(student)s::uuid IS NULL OR p.student_id = %(student)s)
      AND (%(rrn)s::text IS NULL OR c.rrn = %(rrn)s)
      AND (%(after)s::uuid IS NULL OR c.id < %(after)s::uuid)
    ORDER BY c.id DESC LIMIT %(fetch)s"""
LINK = "SELECT id, code, purpose, purpose_id, student_id, created_at, expires_at, cancelled_at FROM payment_links"
STATUTORY = """
    SELECT value FROM statutory_params WHERE code = %(code)s AND valid_from <= %(on)s
    ORDER BY valid_from DESC LIMIT 1"""


class LinkRow(Model):
    """A link as it is stored."""

    id: UUID
    code: str
    purpose: str
    purpose_id: UUID
    student_id: UUID
    created_at: datetime
    expires_at: datetime
    cancelled_at: datetime | None


def add_claim(db: Db, payment_id: UUID, asked: ClaimRequest) -> UUID | None:
    """None: that transfer is claimed already."""
    made: UUID | None = db.value(
        """
        INSERT INTO payment_claims (id, payment_id, rrn, amount_paise, paid_at, proof_file_id, claimed_by, created_at)
        VALUES (%(id)s, %(payment)s, %(rrn)s, %(amount)s, %(paid_at)s, %(proof)s, %(by)s, %(now)s)
        ON CONFLICT (tenant_id, rrn) WHERE status <> 'refused' DO NOTHING RETURNING id""",
        id=ids.uuid7(),
        payment=payment_id,
        rrn=asked.rrn,
        amount=asked.amount_paise,
        paid_at=asked.paid_at,
        proof=asked.proof_file_id,
        by=db.actor.id if db.actor else None,
        now=clock.now(),
    )
    return made


def claim(db: Db, claim_id: UUID, lock: str = "") -> Claim:
    return db.one(Claim, f"{CLAIM} WHERE c.id = %(id)s {lock}", id=claim_id)


def claims(db: Db, paging: Paging, **wanted: Any) -> list[Claim]:
    """Newest first."""
    return db.all(Claim, CLAIMS, after=paging.after, fetch=paging.fetch, **wanted)


def decide(db: Db, claim_id: UUID, status: ClaimStatus, matched: bool, reason: str | None) -> None:
    """By a line of the bank's, or by whoever asks."""
    db.run(
        """
        UPDATE payment_claims SET status = %(status)s, matched = %(matched)s, reason = %(reason)s,
               decided_by = %(by)s, decided_at = %(now)s
        WHERE id = %(id)s AND status = 'waiting'""",
        id=claim_id,
        status=status,
        matched=matched,
        reason=reason,
        by=None if matched or db.actor is None else db.actor.id,
        now=clock.now(),
    )


def waiting_for(db: Db, rrns: list[str]) -> list[UUID]:
    """Claims that name one of these transfers, oldest first."""
    rows = db.dicts(
        "SELECT id FROM payment_claims WHERE status = 'waiting' AND rrn = ANY (%(rrns)s) ORDER BY id", rrns=rrns
    )
    return [row["id"] for row in rows]


def add_lines(db: Db, lines: list[BankLine]) -> int:
    """How many were new; a line that is known stays as it was first told."""
    told = [{"id": str(ids.uuid7()), **line.model_dump(mode="json")} for line in lines]
    return db.run(
        """
        INSERT INTO bank_lines (id, rrn, amount_paise, credited_at, imported_by, created_at)
        SELECT id, rrn, amount_paise, credited_at, %(by)s, %(now)s
        FROM jsonb_to_recordset(%(lines)s::jsonb)
            AS line (id uuid, rrn text, amount_paise bigint, credited_at timestamptz)
        ON CONFLICT (tenant_id, rrn) DO NOTHING""",
        lines=json.dumps(told),
        by=db.actor.id if db.actor else None,
        now=clock.now(),
    )


def line(db: Db, rrn: str) -> BankLine | None:
    """The transfer as the bank lists it."""
    query = "SELECT rrn, amount_paise, credited_at FROM bank_lines WHERE rrn = %(rrn)s"
    return db.maybe(BankLine, query, rrn=rrn)


def statutory(db: Db, code: str) -> Any:
    """The rule of law in force today; None before it is."""
    return db.value(STATUTORY, code=code, on=clock.now().astimezone(INDIA).date())


def first_library(db: Db) -> str:
    """What an organisation is called that has not said."""
    found: str | None = db.value("SELECT name FROM libraries ORDER BY id LIMIT 1")
    return found or "Library"


def register_link(core: Db, code: str, tenant: UUID) -> bool:
    """The directory learns whose the code is; False when it is somebody's already."""
    made = core.run(
        "INSERT INTO payment_link_codes (code, tenant_id, created_at) VALUES (%(code)s, %(tenant)s, %(now)s)"
        " ON CONFLICT DO NOTHING",
        code=code,
        tenant=tenant,
        now=clock.now(),
    )
    return made == 1


def owner_of_link(core: Db, code: str) -> UUID | None:
    found: UUID | None = core.value("SELECT tenant_id FROM payment_link_codes WHERE code = %(code)s", code=code)
    return found


def add_link(db: Db, code: str, asked: LinkRequest, student_id: UUID, expires_at: datetime) -> LinkRow:
    return db.one(
        LinkRow,
        """
        INSERT INTO payment_links (id, code, purpose, purpose_id, student_id, created_by, created_at, expires_at)
        VALUES (%(id)s, %(code)s, %(purpose)s, %(purpose_id)s, %(student)s, %(by)s, %(now)s, %(until)s)
        RETURNING id, code, purpose, purpose_id, student_id, created_at, expires_at, cancelled_at""",
        id=ids.uuid7(),
        code=code,
        purpose=asked.purpose,
        purpose_id=asked.purpose_id,
        student=student_id,
        by=db.actor.id if db.actor else None,
        now=clock.now(),
        until=expires_at,
    )


def link_of(db: Db, code: str) -> LinkRow:
    return db.one(LinkRow, f"{LINK} WHERE code = %(code)s", code=code)


def link(db: Db, link_id: UUID) -> LinkRow:
    return db.one(LinkRow, f"{LINK} WHERE id = %(id)s", id=link_id)


def cancel_link(db: Db, link_id: UUID) -> bool:
    """False when it was cancelled before."""
    query = "UPDATE payment_links SET cancelled_at = %(now)s WHERE id = %(id)s AND cancelled_at IS NULL"
    return bool(db.run(query, id=link_id, now=clock.now()))


def state(db: Db) -> str | None:
    """Of the organisation, as its cell knows it."""
    found: str | None = db.value("SELECT status FROM tenant_gate")
    return found
