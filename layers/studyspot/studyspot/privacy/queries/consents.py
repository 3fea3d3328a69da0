"""Consents on record, and the codes guardians are asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.privacy.models import Consent, GuardianRequest, Purpose, Subject, Tried
from studyspot.privacy.queries.requests import TODAY

COLUMNS = (
    "id, student_id, purpose, given_by, phone, method, version, language, channel, given_at, withdrawn_at"
)  # fmt: skip
# Whose age is not known is nobody's child until somebody says so; behaviour needs to know.
SUBJECT = f"""
    SELECT s.id, concat_ws(' ', s.first_name, s.last_name) AS name, s.phone, s.date_of_birth,
           coalesce(s.date_of_birth > {TODAY} - make_interval(years => (r.value ->> 'below_age')::integer), false)
               AS minor,
           r.valid_from <= {TODAY} AS rule_in_force,
           EXISTS (SELECT FROM consents c WHERE c.student_id = s.id AND c.purpose = 'guardian'
                   AND c.withdrawn_at IS NULL) AS guardian_consented
    FROM students s, (SELECT value, valid_from FROM statutory_params WHERE code = 'guardian_consent_required'
                      ORDER BY valid_from DESC LIMIT 1) r
    WHERE s.id = %(id)s AND s.status <> 'archived'"""
OBSERVED = f"""
    SELECT coalesce(s.date_of_birth <= {TODAY} - interval '18 years', false) AND EXISTS (
        SELECT FROM consents c WHERE c.student_id = s.id AND c.purpose = 'behaviour' AND c.withdrawn_at IS NULL)
    FROM students s WHERE s.id = %(id)s"""
ADD = f"""
    INSERT INTO consents (id, student_id, purpose, given_by, phone, method, version, language, channel, recorded_by,
                          given_at)
    VALUES (%(id)s, %(student_id)s, %(purpose)s, %(given_by)s, %(phone)s, %(method)s, %(version)s, %(language)s,
            %(channel)s, %(recorded_by)s, %(now)s)
    RETURNING {COLUMNS}"""
ASK = """
    INSERT INTO guardian_requests (id, student_id, guardian_name, phone, code_hash, language, version, expires_at,
                                   asked_by, created_at)
    VALUES (%(id)s, %(student_id)s, %(guardian_name)s, %(phone)s, %(code_hash)s, %(language)s, %(version)s, %(until)s,
            %(by)s, %(now)s)
    RETURNING id, student_id, expires_at"""
ASKED = """
    SELECT created_at FROM guardian_requests
    WHERE (phone = %(phone)s OR student_id = %(student_id)s) AND created_at > %(since)s
    ORDER BY created_at DESC LIMIT %(most)s"""
TRY = """
    UPDATE guardian_requests SET attempts = attempts + 1 WHERE id = %(id)s
    RETURNING id, student_id, guardian_name, phone, code_hash, attempts, language, version, expires_at, verified_at"""
VERIFIED = """
    UPDATE guardian_requests SET verified_at = %(now)s, consent_id = %(consent)s
    WHERE id = %(id)s AND verified_at IS NULL"""


def subject(db: Db, student_id: UUID) -> Subject:
    """The student, or NotFound."""
    return db.one(Subject, SUBJECT, id=student_id, now=clock.now())


def may_be_observed(db: Db, student_id: UUID) -> bool:
    """Known to be of age, and agreed to it."""
    return bool(db.value(OBSERVED, id=student_id, now=clock.now()))


def add(db: Db, **facts: Any) -> Consent:
    """On record from now on."""
    return db.one(Consent, ADD, id=ids.uuid7(), now=clock.now(), **facts)


def live(db: Db, student_id: UUID, purpose: Purpose) -> Consent | None:
    """What holds; asked with the student's row locked, so that two clicks leave one record."""
    db.run("SELECT 1 FROM students WHERE id = %(id)s FOR NO KEY UPDATE", id=student_id)
    query = f"""
        SELECT {COLUMNS} FROM consents WHERE student_id = %(id)s AND purpose = %(purpose)s AND withdrawn_at IS NULL
        ORDER BY id DESC LIMIT 1"""
    return db.maybe(Consent, query, id=student_id, purpose=purpose)


def read(db: Db, consent_id: UUID) -> Consent:
    return db.one(Consent, f"SELECT {COLUMNS} FROM consents WHERE id = %(id)s", id=consent_id)


def withdraw(db: Db, consent_id: UUID) -> Consent | None:
    """Once; None when it was withdrawn before."""
    query = f"""
        UPDATE consents SET withdrawn_at = %(now)s WHERE id = %(id)s AND withdrawn_at IS NULL RETURNING {COLUMNS}"""
    return db.maybe(Consent, query, id=consent_id, now=clock.now())


def listed(db: Db, paging: Paging, student_id: UUID | None, purpose: str | None) -> list[Consent]:
    query = f"""
        SELECT {COLUMNS} FROM consents
        WHERE (%(after)s::uuid IS NULL OR id > %(after)s::uuid)
          AND (%(student_id)s::uuid IS NULL OR student_id = %(student_id)s::uuid)
          AND (%(purpose)s::text IS NULL OR purpose = %(purpose)s::text)
        ORDER BY id LIMIT %(fetch)s"""
    return db.all(Consent, query, after=paging.after, fetch=paging.fetch, student_id=student_id, purpose=purpose)


def asked(db: Db, phone: str, student_id: UUID, within: timedelta, most: int) -> list[datetime]:
    """When codes were asked for, newest first; others who ask for the phone wait until COMMIT."""
    db.run("SELECT pg_advisory_xact_lock(hashtextextended('guardian' || %(phone)s, 0))", phone=phone)
    found = db.dicts(ASKED, phone=phone, student_id=student_id, since=clock.now() - within, most=most)
    return [row["created_at"] for row in found]


def ask(db: Db, **facts: Any) -> GuardianRequest:
    return db.one(GuardianRequest, ASK, now=clock.now(), **facts)


def attempt(db: Db, request_id: UUID) -> Tried | None:
    """Counts a try; lasts, whatever becomes of the request."""
    return db.maybe(Tried, TRY, id=request_id)


def verified(db: Db, request_id: UUID, consent_id: UUID) -> bool:
    """Once."""
    return db.run(VERIFIED, id=request_id, consent=consent_id, now=clock.now()) == 1
