"""What people do to prove who they are, and what other domains ask of identity."""

from studyspot.identity.service.directory import (
    add_identities,
    add_identity,
    add_member,
    ensure_admin,
    forget,
    home_of,
    reactivate,
    remove_identities,
    suspend,
)
from studyspot.identity.service.invitations import accept, invite, invite_staff, invited
from studyspot.identity.service.otp import request_otp, verify_otp
from studyspot.identity.service.recovery import (
    change_password,
    request_reset,
    request_verification,
    reset_password,
    verification,
    verify_email,
)
from studyspot.identity.service.registering import join, prepare_registration, registered
from studyspot.identity.service.sessions import (
    end_session,
    end_sessions,
    refresh,
    reissue,
    revoke,
    revoke_others,
    sessions_of,
    start_session,
)
from studyspot.identity.service.signing_in import admin_login, login, me
from studyspot.identity.service.switching import switch_tenant

__all__ = [
    "accept",
    "add_identities",
    "add_identity",
    "add_member",
    "admin_login",
    "change_password",
    "end_session",
    "end_sessions",
    "ensure_admin",
    "forget",
    "home_of",
    "invite",
    "invite_staff",
    "invited",
    "join",
    "login",
    "me",
    "prepare_registration",
    "reactivate",
    "refresh",
    "registered",
    "reissue",
    "remove_identities",
    "request_otp",
    "request_reset",
    "request_verification",
    "reset_password",
    "revoke",
    "revoke_others",
    "sessions_of",
    "start_session",
    "suspend",
    "switch_tenant",
    "verification",
    "verify_email",
    "verify_otp",
]
