"""What is mailed as a link: invitations, and tokens that prove an e-mail address."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.identity.models import EmailToken, Invitation
from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging

INVITATION_COLUMNS = """
    id, invited_to, user_id, user_type, email, name, role, role_id, permissions, library_ids, invited_by, created_at,
    expires_at, accepted_at, revoked_at"""
INVITE = f"""
    INSERT INTO invitations (id, token_hash, invited_to, user_id, user_type, email, name, role, role_id, permissions,
                             library_ids, invited_by, expires_at, created_at)
    VALUES (%(id)s, %(token_hash)s, %(invited_to)s, %(user_id)s, %(user_type)s, %(email)s, %(name)s, %(role)s,
            %(role_id)s, %(permissions)s, %(library_ids)s, %(invited_by)s, %(expires_at)s, %(now)s)
    RETURNING {INVITATION_COLUMNS}"""
INVITATION = f"SELECT {INVITATION_COLUMNS} FROM invitations WHERE token_hash = %(hash)s"
# By the token too: an invitation resent in the meantime is not accepted by its old link.
ACCEPT = """
    UPDATE invitations SET accepted_at = %(now)s
    WHERE id = %(id)s AND token_hash = %(hash)s AND accepted_at IS NULL AND revoked_at IS NULL
      AND expires_at > %(now)s"""
PENDING = "user_type = 'library_staff' AND accepted_at IS NULL AND revoked_at IS NULL"
PENDING_ONES = f"""
    SELECT {INVITATION_COLUMNS} FROM invitations
    WHERE {PENDING} AND (%(after)s::uuid IS NULL OR id < %(after)s) ORDER BY id DESC LIMIT %(limit)s"""
PENDING_ONE = f"SELECT {INVITATION_COLUMNS} FROM invitations WHERE id = %(id)s AND {PENDING} FOR UPDATE"
PENDING_FOR = f"SELECT 1 FROM invitations WHERE email = %(email)s AND {PENDING} AND expires_at > %(now)s"
RESEND = f"""
    UPDATE invitations SET token_hash = %(hash)s, expires_at = %(until)s WHERE id = %(id)s AND {PENDING}
    RETURNING {INVITATION_COLUMNS}"""
REVOKE = f"UPDATE invitations SET revoked_at = %(now)s WHERE id = %(id)s AND {PENDING}"
REVOKE_OF = f"""
    UPDATE invitations SET revoked_at = %(now)s WHERE invited_by = %(user)s AND {PENDING}
    RETURNING {INVITATION_COLUMNS}"""
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


def accept(db: Db, invitation_id: UUID, token_hash: str) -> bool:
    """Once, and in time."""
    return db.run(ACCEPT, id=invitation_id, hash=token_hash, now=clock.now()) == 1


def pending(db: Db, paging: Paging) -> list[Invitation]:
    """Staff invitations nobody has answered, newest first; expired ones too, as they can be resent."""
    return db.all(Invitation, PENDING_ONES, after=paging.after, limit=paging.fetch)


def pending_one(db: Db, invitation_id: UUID) -> Invitation:
    """One of them, held until COMMIT, or NotFound."""
    return db.one(Invitation, PENDING_ONE, id=invitation_id)


def is_invited(db: Db, email: str) -> bool:
    """Is an invitation on its way to that address?"""
    return bool(db.value(PENDING_FOR, email=email, now=clock.now()))


def resend(db: Db, invitation_id: UUID, token_hash: str, until: datetime) -> Invitation:
    """Another token in place of the old one."""
    return db.one(Invitation, RESEND, id=invitation_id, hash=token_hash, until=until)


def revoke(db: Db, invitation_id: UUID) -> bool:
    """Its link names nothing any more."""
    return db.run(REVOKE, id=invitation_id, now=clock.now()) == 1


def revoke_of(db: Db, user_id: UUID) -> list[Invitation]:
    """Everything that person invited to and nobody has answered."""
    return db.all(Invitation, REVOKE_OF, user=user_id, now=clock.now())


def add_email_token(
    db: Db, kind: str, token_hash: str, user_type: str, user_id: UUID, home: UUID, email: str, until: datetime
) -> None:
    """Goes out with COMMIT."""
    who = {"user_type": user_type, "user_id": user_id, "home": home, "email": email}
    db.later(ADD_LINK, id=ids.uuid7(), kind=kind, hash=token_hash, until=until, now=clock.now(), **who)


def use_email_token(db: Db, kind: str, token_hash: str) -> EmailToken | None:
    """Once, and in time."""
    return db.maybe(EmailToken, USE_LINK, kind=kind, hash=token_hash, now=clock.now())
