"""What can go wrong at a vendor, sorted by what may be done next."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from studyspot.kit.errors import GatewayError


class Next(StrEnum):
    """What the caller may do after a failure."""

    RETRY_OTHER = "retry_other"
    """Nothing can be had here now; another gateway may be asked."""
    RETRY_SAME = "retry_same"
    """The same call, unchanged, may succeed later."""
    TERMINAL = "terminal"
    """Asking again, here or elsewhere, changes nothing."""
    UNKNOWN = "unknown"
    """The effect may have happened: look it up by our own reference before anything else."""


class GatewayFailure(GatewayError):
    """A third party answered with an error."""

    default: ClassVar[Next] = Next.RETRY_OTHER

    def __init__(
        self,
        vendor: str,
        description: str,
        *,
        kind: Next | None = None,
        http_status: int | None = None,
        vendor_code: str | None = None,
        reason: str | None = None,
        field: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__()
        self.vendor = vendor
        self.description = description
        self.kind = kind or self.default
        self.http_status = http_status
        self.vendor_code = vendor_code
        self.reason = reason
        self.field = field
        self.retry_after = retry_after

    def __str__(self) -> str:
        parts = [self.vendor, self.http_status, self.vendor_code, self.reason, self.field, self.description]
        return " ".join(str(part) for part in parts if part)


class GatewayDown(GatewayFailure):
    """The vendor is not working or does not know our keys."""


class GatewayBusy(GatewayFailure):
    """The vendor asks for patience; the same call may succeed later."""

    default = Next.RETRY_SAME


class GatewayRejected(GatewayFailure):
    """The vendor refused this very request."""

    default = Next.TERMINAL


class GatewayTimeout(GatewayFailure):
    """The request left and no whole answer came back in time."""

    default = Next.UNKNOWN


class UnreadableEvent(GatewayError):
    """A correctly signed callback cannot be understood."""
