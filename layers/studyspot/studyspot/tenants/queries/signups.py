"""Every statement on sign-ups that wait for their address to be proved; what is over is swept by the next one."""

from __future__ import annotations

from datetime import datetime

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.tenants.models import SignUpRequest

ADD = """
    WITH over AS (DELETE FROM signups WHERE expires_at <= %(now)s)
    INSERT INTO signups (id, token_hash, email, name, tenant_name, phone, slug, expires_at, created_at)
    VALUES (%(id)s, %(token)s, %(email)s, %(name)s, %(tenant_name)s, %(phone)s, %(slug)s, %(until)s, %(now)s)"""


def add(core: Db, token_hash: str, asked: SignUpRequest, until: datetime) -> None:
    core.run(ADD, id=ids.uuid7(), token=token_hash, until=until, now=clock.now(), **asked.model_dump())


def found(core: Db, token_hash: str) -> SignUpRequest | None:
    """What was asked for, while the link holds."""
    return core.maybe(
        SignUpRequest,
        """SELECT email, name, tenant_name, phone, slug FROM signups
           WHERE token_hash = %(token)s AND expires_at > %(now)s""",
        token=token_hash,
        now=clock.now(),
    )


def use(core: Db, token_hash: str, email: str) -> bool:
    """The row decides who is first; other links to the same address end with it."""
    used = core.run("DELETE FROM signups WHERE token_hash = %(token)s", token=token_hash)
    core.run("DELETE FROM signups WHERE email = %(email)s", email=email)
    return bool(used)
