"""The actor of a request, and the marker by which a route says who may call it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from studyspot.kit.errors import Forbidden, IpNotAllowed, NotFound
from studyspot.kit.ids import PLATFORM

ENROLLING = "mfa_enrolment"
"""The only role of whoever owes a second factor."""


@dataclass(frozen=True)
class Key:
    """An API key that calls: from everywhere, or only from these networks."""

    networks: tuple[str, ...] = ()

    def must_admit(self, address: str) -> None:
        """IpNotAllowed from anywhere else."""
        import ipaddress  # only for callers by key

        if self.networks and not any(ipaddress.ip_address(address) in ipaddress.ip_network(n) for n in self.networks):
            raise IpNotAllowed


@dataclass(frozen=True)
class Actor:
    """Who is calling, as their token says and the gate confirms."""

    id: UUID
    user_type: str
    tenant_id: UUID
    session_id: UUID
    token_id: str
    email: str | None
    roles: tuple[str, ...]
    permissions: frozenset[str]
    library_ids: frozenset[UUID] | None = None
    """The libraries a member of staff is bound to; None = all of the tenant's."""
    key: Key | None = None
    """Set when no person calls but an API key, which is a caller of its own and has no session."""
    impersonator: UUID | None = None
    """The platform user who acts for this one."""
    claims: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What the credential says, word for word."""

    @classmethod
    def of(cls, claims: dict[str, Any]) -> Actor:
        bound, act = claims.get("libraryIds"), claims.get("act")
        return cls(
            id=UUID(claims["userId"]),
            user_type=claims["userType"],
            tenant_id=UUID(claims["tenantId"]),
            session_id=UUID(claims["sid"]),
            token_id=claims["jti"],
            email=claims.get("email"),
            roles=tuple(claims["roles"]),
            permissions=frozenset(claims["permissions"]),
            library_ids=frozenset(UUID(i) for i in bound) if bound is not None else None,
            impersonator=UUID(act["sub"]) if act else None,
            claims=claims,
        )

    @property
    def is_platform(self) -> bool:
        return self.tenant_id == PLATFORM

    @property
    def owes_factor(self) -> bool:
        """Signed in where a second factor is due, without having one: nothing is allowed but to enroll it."""
        return ENROLLING in self.roles

    def may(self, permission: str) -> bool:
        return permission in self.permissions

    def must(self, *any_of: str) -> None:
        """Forbidden unless one of them is held."""
        if any_of and not self.permissions.intersection(any_of):
            raise Forbidden

    def own(self, permission: str, owner_id: UUID) -> None:
        """Without the permission only what is one's own exists: everything else is NotFound."""
        if not self.may(permission) and self.id != owner_id:
            raise NotFound

    def at(self, library_id: UUID | None) -> None:
        """Staff bound to libraries see no other library's things."""
        if self.library_ids is not None and library_id not in self.library_ids:
            raise NotFound


@dataclass(frozen=True)
class Allow:
    """The marker behind `allow`."""

    any_of: tuple[str, ...]
    step_up: bool = False
    in_person: bool = False
    enrolling: bool = False
    always: bool = False
    everywhere: bool = False

    @property
    def personal(self) -> bool:
        """Nobody changes this in somebody else's name: what is one's own, and what asks for proof once more."""
        return not self.always and (self.in_person or self.step_up or not self.any_of)


def allow(
    *any_of: str,
    step_up: bool = False,
    in_person: bool = False,
    enrolling: bool = False,
    always: bool = False,
    everywhere: bool = False,
) -> Allow:
    """`Annotated[Actor, allow("bookings:create")]`: signed in, with one of these permissions (none named: any user).

    `step_up`: who proved themselves once more in the last five minutes. `in_person`: nobody acting for somebody else.
    `enrolling`: also who still owes a second factor. `always`: both of them, because it only shows or ends the session.
    `everywhere`: nobody bound to libraries, because it concerns the whole organisation.
    """
    return Allow(any_of, step_up, in_person, enrolling or always, always, everywhere)
