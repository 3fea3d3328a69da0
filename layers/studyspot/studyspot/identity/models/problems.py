"""What can be wrong with a sign-in, an invitation or a password."""

from __future__ import annotations

from studyspot.kit.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    Locked,
    PaymentRequired,
    RateLimited,
    Unauthenticated,
)


class InvalidCredentials(Unauthenticated):
    """The e-mail or the password is wrong."""

    code = "invalid_credentials"


class RefreshReused(Unauthenticated):
    """This refresh token was used before; the session has been ended."""

    code = "refresh_reused"
    fix = "Sign in again. If that was not you, change your password."


class AccountLocked(Locked):
    """Too many failed sign-ins; this account is locked for a while."""

    code = "account_locked"


class AccountSuspended(Forbidden):
    """This account is suspended."""

    code = "account_suspended"


class EmailNotVerified(Forbidden):
    """Verify your e-mail address first."""

    code = "email_not_verified"


class PrivilegeEscalation(Forbidden):
    """Nobody can grant what they do not have."""

    code = "privilege_escalation"


class StaffLimitReached(PaymentRequired):
    """The plan has no place for another member of staff."""

    code = "staff_limit_reached"
    fix = "Remove somebody, revoke an invitation, or change the plan."


class RoleInUse(Conflict):
    """Somebody holds this role or is invited to it."""

    code = "role_in_use"


class RoleExists(Conflict):
    """There is a role of this name already."""

    code = "role_exists"


class LastAdmin(Conflict):
    """Nobody else could administer this; make somebody else an administrator first."""

    code = "last_admin"


class TenantSelectionRequired(Conflict):
    """This e-mail belongs to several organisations; name one of them in X-Tenant-Id."""

    code = "tenant_selection_required"


class EmailTaken(Conflict):
    """This e-mail address is in use already."""

    code = "email_taken"


class SignUpNotOffered(Forbidden):
    """The operator has named no organisation for accounts of this kind."""

    code = "sign_up_not_offered"
    fix = "Set DEFAULT_ASSISTANT_TENANT or DEFAULT_MARKETPLACE_TENANT to the short name of an active organisation."


class WeakPassword(BadRequest):
    """This password is too easy to guess."""

    code = "weak_password"


class LinkInvalid(BadRequest):
    """This link is not valid or was used before."""

    code = "link_invalid"


class OtpInvalid(BadRequest):
    """This code is not valid."""

    code = "otp_invalid"


class OtpExpired(Gone):
    """This code has expired."""

    code = "otp_expired"


class OtpAttemptsExceeded(RateLimited):
    """Too many wrong codes; ask for a new one."""

    code = "otp_attempts_exceeded"


class InvitationExpired(Gone):
    """This invitation has expired or was used."""

    code = "invitation_expired"
