"""What is mailed as a link: invitations, and tokens that prove an e-mail address."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.identity.models import EmailToken, Invitation
from studyspot.kit import clock, ids
from studyspot.kit.db import Db

INVITATION_COLUMNS = """
    id, invited_to, user_id, user_type, email, name, role, permissions, library_ids, expires_at, accepted_at"""
INVITE = f"""
    INSERT INTO invitations (id, token_hash, invited_to, user_id, user_type, email, name, role, permissions,
                             library_ids, invited_by, expires_at, created_at)
    VALUES (%(id)s, %(token_hash)s, %(invited_to)s, %(user_id)s, %(user_type)s, %(email)s, %(name)s, %(role)s,
            %(permissions)s, %(library_ids)s, %(invited_by)s, %(expires_at)s, %(now)s)
    RETURNING {INVITATION_COLUMNS}"""
INVITATION = f"SELECT {INVITATION_COLUMNS} FROM invitations WHERE token_hash = %(hash)s"
ACCEPT = """
    UPDATE invitations SET accepted_at = %(now)s
    WHERE id = %(id)s AND accepted_at IS NULL AND expires_at > %(now)s"""
ADD_LINK = """
    INSERT INTO email_tokens (id, kind, token_hash, user_type, user_id, home, email, expires_at, created_at)
    VALUES (%(id)s, %(kind)s, %(hash)s, %(user_type)s, %(user_id)s, %(home)s, %(email)s, %(until)s, %(now)s)"""
USE_LINK = """
    UPDATE email_tokens SET used_at = %(now)s
    WHERE kind = %(kind)s AND token_hash = %(hash)s AND used_at IS NULL AND expires_at > %(now)s
    RETURNING user_type, user_id, home, email"""


def invite(db: Db, **columns: Any) -> Invitation:
    """A new invitation."""
    return db.one(Invitation, INVITE, id=ids.uuid7(), **columns, now=clock.now())


def invitation(db: Db, token_hash: str) -> Invitation | None:
    """The invitation a link names."""
    return db.maybe(Invitation, INVITATION, hash=token_hash)


def accept(db: Db, invitation_id: UUID) -> bool:
    """Once, and in time."""
    return db.run(ACCEPT, id=invitation_id, now=clock.now()) == 1


def add_email_token(
    db: Db, kind: str, token_hash: str, user_type: str, user_id: UUID, home: UUID, email: str, until: datetime
) -> None:
    """Goes out with COMMIT."""
    who = {"user_type": user_type, "user_id": user_id, "home": home, "email": email}
    db.later(ADD_LINK, id=ids.uuid7(), kind=kind, hash=token_hash, until=until, now=clock.now(), **who)


def use_email_token(db: Db, kind: str, token_hash: str) -> EmailToken | None:
    """Once, and in time."""
    return db.maybe(EmailToken, USE_LINK, kind=kind, hash=token_hash, now=clock.now())
