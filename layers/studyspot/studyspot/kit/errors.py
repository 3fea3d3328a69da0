"""What can go wrong, as states of the world: each class has its status, its stable code and its message."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, ClassVar


class Problem(Exception):
    """The request could not be fulfilled."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    fix: ClassVar[str] = ""
    kept: ClassVar[bool | None] = None
    """Whether an idempotent replay repeats this answer; None follows the table of `settled.md`."""

    def __init__(self, detail: str | None = None, headers: dict[str, str] | None = None, **members: Any) -> None:
        self.detail = detail or self.title()
        self.headers = headers or {}
        self.members = members
        super().__init__(self.detail)

    @classmethod
    def title(cls) -> str:
        return (inspect.getdoc(cls) or "").split("\n")[0]

    def replayable(self) -> bool:
        """2xx and decided 4xx are repeated; refusals that may end by themselves are not."""
        if self.kept is not None:
            return self.kept
        return 400 <= self.status < 500 and self.status not in {401, 403, 404, 405, 409, 413, 415, 423, 429}


class BadRequest(Problem):
    """The request is malformed."""

    status, code = 400, "bad_request"


class MalformedJson(BadRequest):
    """The body is not valid JSON."""

    code = "malformed_json"
    kept = False


class Unauthenticated(Problem):
    """Sign in first."""

    status, code = 401, "unauthenticated"


class TokenExpired(Unauthenticated):
    """The access token has expired."""

    code = "token_expired"
    fix = "Refresh the session, then repeat the request."


class TokenRevoked(Unauthenticated):
    """The session of this token was ended."""

    code = "token_revoked"


class DeviceRevoked(TokenRevoked):
    """This device was taken out of service."""

    code = "device_revoked"


class BadSignature(Unauthenticated):
    """The signature does not match."""

    code = "bad_signature"


class PaymentRequired(Problem):
    """This has to be paid for first."""

    status, code = 402, "payment_required"


class LimitReached(PaymentRequired):
    """The plan of this organisation includes no more of these."""

    code = "limit_reached"
    fix = "Take a larger plan, or remove what is no longer needed."
    kept = False


class Forbidden(Problem):
    """This account may not do that."""

    status, code = 403, "forbidden"


class CsrfFailed(Forbidden):
    """A request signed in by cookie must come from a page of ours, with its token."""

    code = "csrf_failed"
    fix = "Send the value of the csrf cookie as X-CSRF-Token, from an origin that is configured."


class MfaRequired(Forbidden):
    """A second factor is needed."""

    code = "mfa_required"
    fix = "Send mfaToken and a code to POST /auth/mfa/challenge; without a factor yet, enroll one first."


class StepUpRequired(Forbidden):
    """Prove once more that it is you."""

    code = "step_up_required"
    fix = "Send the password or a code to POST /auth/step-up, then repeat the request within five minutes."


class ImpersonationReadOnly(Forbidden):
    """Whoever acts for somebody else only looks, unless the owner consented to more."""

    code = "impersonation_read_only"
    fix = "The owner consents by POST /auth/impersonation-consent; passwords, factors and keys stay out of reach."


class OutsideOpeningHours(Forbidden):
    """This device works in the opening hours of its library only."""

    code = "outside_opening_hours"


class TenantSuspended(Forbidden):
    """This organisation is suspended."""

    code = "tenant_suspended"


class TenantNotActive(Forbidden):
    """This organisation is not active yet."""

    code = "tenant_not_active"


class ModuleNotEnabled(Forbidden):
    """The plan of this organisation does not include that module."""

    code = "module_not_enabled"


class IpNotAllowed(Forbidden):
    """Requests from this address are not accepted here."""

    code = "ip_not_allowed"


class NotFound(Problem):
    """There is nothing here."""

    status, code = 404, "not_found"


class MethodNotAllowed(Problem):
    """This path does not answer to that method."""

    status, code = 405, "method_not_allowed"


class NotAcceptable(Problem):
    """None of the accepted formats can be produced."""

    status, code = 406, "not_acceptable"


class Conflict(Problem):
    """The request conflicts with the present state."""

    status, code = 409, "conflict"


class CapacityReached(Conflict):
    """No more may be sold for that time: the library, zone or shift is at its cap."""

    code = "capacity_reached"
    fix = "Choose another time or place, or raise the cap."


class StateConflict(Conflict):
    """This cannot be done in the present state."""

    code = "state_conflict"


class OffboardingInProgress(Conflict):
    """This organisation is on its way out: it can be read and exported, and nothing in it changes."""

    code = "offboarding_in_progress"
    fix = "Take an export, or ask the operator to restore the organisation."


class VersionConflict(Conflict):
    """Somebody changed this in the meantime."""

    code = "version_conflict"
    fix = "Read it again and repeat the change on the new version."


class DuplicateRequest(Conflict):
    """The first request with this Idempotency-Key is still running."""

    code = "duplicate_request"


class Gone(Problem):
    """This is no longer available."""

    status, code = 410, "gone"


class PayloadTooLarge(Problem):
    """The body is too large."""

    status, code = 413, "payload_too_large"


class UnsupportedMediaType(Problem):
    """The body must be application/json."""

    status, code = 415, "unsupported_media_type"


class Invalid(Problem):
    """Some fields are invalid."""

    status, code = 422, "validation_failed"
    kept = False

    @classmethod
    def field(cls, name: str, message: str) -> Invalid:
        return cls("1 field is invalid", errors=[{"field": name, "message": message}])


class RuleViolated(Problem):
    """A rule does not allow that."""

    status, code = 422, "rule_violated"


class IdempotencyKeyReused(Problem):
    """This Idempotency-Key was used with another body."""

    status, code = 422, "idempotency_key_reused"
    kept = False


class Locked(Problem):
    """This is locked."""

    status, code = 423, "locked"


class RateLimited(Problem):
    """Too many requests."""

    status, code = 429, "rate_limited"


class Internal(Problem):
    """Something went wrong on our side."""

    status, code = 500, "internal"
    fix = "Repeat the request with the same Idempotency-Key; quote requestId if it persists."


class GatewayError(Problem):
    """A third party answered with an error."""

    status, code = 502, "gateway_error"


class Unavailable(Problem):
    """The service is unavailable for the moment."""

    status, code = 503, "unavailable"


class Timeout(Problem):
    """A third party did not answer in time."""

    status, code = 504, "timeout"


def catalogue(root: type[Problem] = Problem) -> Iterator[type[Problem]]:
    """Every problem class that is loaded, for `/meta/errors`."""
    yield root
    for child in root.__subclasses__():
        yield from catalogue(child)
