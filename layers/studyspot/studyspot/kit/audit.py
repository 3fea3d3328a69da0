"""The audit trail: one row a change, in its transaction, written later only in the sense of the same COMMIT."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db

INSERT = """
    INSERT INTO audit_logs (id, actor_id, actor_type, action, resource_type, resource_id, before, after,
                            ip_address, user_agent, request_id, created_at, impersonator_id)
    VALUES (%(id)s, %(actor_id)s, %(actor_type)s, %(action)s, %(resource_type)s, %(resource_id)s,
            %(before)s::jsonb, %(after)s::jsonb, %(ip_address)s, %(user_agent)s, %(request_id)s, %(now)s,
            %(impersonator)s)"""
SECRET = re.compile(r"password|secret|token|otp|hash|key|pan$|aadhaar|id_?proof_?number", re.IGNORECASE)
PERSONAL = frozenset({
    "firstname", "lastname", "fullname", "givenby", "payername", "guardianname", "phone", "mobile", "payerphone",
    "alternatephone", "guardianphone", "email", "payeremail", "to", "toaddress", "address", "contact", "recipient",
    "dateofbirth", "gender", "idprooftype", "photourl", "avatarurl", "notes", "note", "body", "text", "message",
    "variables", "useragent", "buyername", "buyeraddress",
})  # fmt: skip
"""Fields about a person, whatever they stand in. The trail is never changed, so what may have to be erased never
enters it: it tells that a phone changed, who changed it and when, not which it was."""
OF_PEOPLE = frozenset({"name", "reason", "city", "state", "pincode", "examtarget"})
"""Personal where the resource is a person; an organisation or a plan may be named."""
PEOPLE = frozenset({
    "students", "users", "owners", "admins", "guardians", "consents", "privacy_requests", "phone", "library_staff",
    "library_owner", "student", "platform_admin", "platform_staff",
})  # fmt: skip
ADDRESSES = re.compile(r"(?<![\w-])(?:\+?91[\s-]?)?[6-9]\d{4}[\s-]?\d{5}(?!\w)|[^\s@\"'<>,;:]+@[^\s@\"'<>,;:]+\.\w+")
MASK = "***"


def note(
    db: Db,
    action: str,
    resource_type: str,
    resource_id: UUID | str | None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    actor_type: str | None = None,
    actor_id: UUID | None = None,
) -> None:
    """Who did what to which thing, and in whose place; what is secret or personal is masked."""
    db.noted = True
    db.later(
        INSERT,
        id=ids.uuid7(),
        actor_id=actor_id or (db.actor.id if db.actor else None),
        actor_type=actor_type or (db.actor.user_type if db.actor else "system"),
        action=action,
        resource_type=resource_type,
        resource_id=str(resource_id) if resource_id else None,
        before=_kept(before, resource_type),
        after=_kept(after, resource_type),
        ip_address=db.origin.ip_address,
        user_agent=(db.origin.user_agent or "")[:400] or None,
        request_id=db.origin.request_id or None,
        now=clock.now(),
        impersonator=db.actor.impersonator if db.actor else None,
    )


def masked(value: Any, resource_type: str) -> Any:
    """Without secrets, and without what tells anything of a person but their id."""
    if isinstance(value, dict):
        return {k: _field(str(k), inner, resource_type) for k, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(inner, resource_type) for inner in value]
    return ADDRESSES.sub(MASK, value) if isinstance(value, str) else value


def _field(name: str, value: Any, resource_type: str) -> Any:
    plain = name.replace("_", "").lower()
    hidden = SECRET.search(name) or plain in PERSONAL or (plain in OF_PEOPLE and resource_type in PEOPLE)
    if hidden and value is not None:
        return MASK
    return masked(value, resource_type)


def _kept(facts: dict[str, Any] | None, resource_type: str) -> str | None:
    return None if facts is None else json.dumps(masked(facts, resource_type), default=str)
