"""Who may call what: a route names an actor with a permission, or stands here with the reason why it need not."""

from __future__ import annotations

from collections import Counter

import pytest
from studyspot.kit import permissions
from studyspot.kit.api import Api, Route

from tests.architecture.sources import apps, none_of
from tests.world import World, function

PUBLIC = {
    "GET /api/v1/privacy/notice": "the notice is for everybody, before anybody signs up",
    "POST /api/v1/privacy/guardian/verify": "the code sent to the guardian's phone is the proof",
    "POST /api/v1/auth/admin/login": "signs in",
    "POST /api/v1/auth/login": "signs in",
    "POST /api/v1/auth/register": "signs up",
    "POST /api/v1/auth/otp/request": "signs in: the code goes to the phone, the answer tells nothing",
    "POST /api/v1/auth/otp/verify": "signs in: the code proves the phone",
    "POST /api/v1/auth/mfa/challenge": "the mfa token of the sign-in's first half is the proof",
    "POST /api/v1/auth/refresh": "the refresh token is the proof",
    "GET /api/v1/auth/tenant-lookup": "asked before signing in: name, looks and ways in of whom the code names",
    "POST /api/v1/auth/verify-email": "the mailed token is the proof",
    "POST /api/v1/auth/resend-verification": "goes by mail, the answer tells nothing",
    "POST /api/v1/auth/forgot-password": "goes by mail, the answer tells nothing",
    "POST /api/v1/auth/reset-password": "the mailed token is the proof",
    "GET /api/v1/auth/invitations/{token}": "the mailed token is the proof",
    "POST /api/v1/auth/invitations/{token}/accept": "the mailed token is the proof",
    "GET /": "names the product",
    "GET /health/services": "operators ask it while sign-in may be what is down",
    "GET /metrics": "a token of its own, for the scraper",
    "GET /openapi.json": "describes the API, holds no data",
    "GET /docs": "describes the API, holds no data",
    "GET /.well-known/jwks.json": "public keys",
    "GET /api/v1/meta/errors": "describes the API, holds no data",
    "GET /api/v1/meta/enums": "describes the API, holds no data",
    "GET /api/v1/subscriptions/plans": "the price list",
    "POST /api/v1/tenants/signup": "goes by mail, the answer tells nothing",
    "POST /api/v1/tenants/signup/confirm": "the mailed token is the proof",
    "GET /api/v1/libraries/{libraryId}/hours": "opening hours hang on the door",
    "GET /api/v1/tenants/me/branding": "what an organisation shows to everybody",
    "GET /api/v1/public/tenants/{slug}": "what an organisation shows to everybody",
    "GET /api/v1/public/libraries": "the public directory: libraries that want to be found",
    "GET /api/v1/public/libraries/{slug}": "a library's page in the public directory",
    "POST /api/v1/public/libraries/{slug}/enquiries": "somebody new asks: limited by address and phone, told to nobody",
    "GET /api/v1/tenants/check-slug": "asked by the sign-up form",
    "POST /api/v1/payments/webhook/razorpay": "the signature over the raw bytes is the proof",
    "POST /api/v1/payments/webhook/cashfree": "the signature over the raw bytes is the proof",
    "GET /api/v1/payments/callback/{gateway}": "the address is signed, and the gateway is asked what happened",
    "POST /api/v1/payments/callback/{gateway}": "the address is signed, and the gateway is asked what happened",
    "POST /api/v1/payments/webhook/paytm": "the signature over the raw bytes is the proof",
    "POST /api/v1/payments/webhook/stripe": "the signature over the raw bytes is the proof",
    "POST /api/v1/payments/webhook/paytm/{accountRef}": "the signature with that account's secret is the proof",
    "POST /api/v1/payments/webhook/stripe/{accountRef}": "the signature with that account's secret is the proof",
    "POST /api/v1/payments/webhook/razorpay/{accountRef}": "the signature with that account's secret is the proof",
    "POST /api/v1/payments/webhook/cashfree/{accountRef}": "the signature with that account's secret is the proof",
    "GET /api/v1/payments/links/{linkId}": "who has the code may pay: the answer tells what for, not for whom",
    "POST /api/v1/payments/links/{linkId}/pay": "who has the code may pay: the answer tells nothing of whom it is for",
    "GET /api/v1/invoices/verify/{code}": "the sealed code on the document is the proof; the answer names no buyer",
    "POST /api/v1/notifications/webhook/email": "AWS signs what it tells of mails",
    "POST /api/v1/messaging/webhook/msg91/{token}": "the token in the path is the proof",
}
"""Routes that nobody need be signed in for, each with what stands in for it."""
NAMES_A_TENANT = {
    "POST /api/v1/auth/impersonate": "the permission of the platform's staff, told in both audit trails",
    "POST /api/v1/auth/switch-tenant": "chooses among the accounts that the directory knows of the same person",
}
"""Routes whose body names an organisation, each with why it opens no other's data."""
ANY_USER = {
    "POST /api/v1/privacy/requests": "one's own data",
    "GET /api/v1/privacy/requests/{privacyRequestId}/download": "one's own data: only who asked gets it",
    "GET /api/v1/auth/me": "oneself",
    "POST /api/v1/auth/logout": "one's own session",
    "GET /api/v1/auth/sessions": "one's own sessions",
    "DELETE /api/v1/auth/sessions": "one's own sessions",
    "DELETE /api/v1/auth/sessions/{sessionId}": "one's own session",
    "POST /api/v1/auth/switch-tenant": "one's own accounts",
    "POST /api/v1/auth/verify": "one's own token",
    "POST /api/v1/auth/mfa/totp/enroll": "one's own second factor",
    "POST /api/v1/auth/mfa/totp/confirm": "one's own second factor",
    "DELETE /api/v1/auth/mfa/totp": "one's own second factor",
    "POST /api/v1/auth/mfa/recovery-codes": "one's own second factor",
    "POST /api/v1/auth/step-up": "one's own session",
    "POST /api/v1/auth/impersonate/end": "one's own session",
    "POST /api/v1/auth/password/change": "one's own password",
    "GET /api/v1/users/me": "oneself",
    "PUT /api/v1/users/me": "oneself",
    "PUT /api/v1/users/me/password": "one's own password",
    "DELETE /api/v1/users/me": "one's own account",
    "POST /api/v1/users/me/avatar": "one's own picture",
    "GET /api/v1/users/me/activity": "one's own trail",
    "GET /api/v1/bookings/availability": "what is free holds nobody's data",
    "POST /api/v1/files/uploads": "what one may upload depends on its purpose",
    "GET /api/v1/files/{fileId}": "one's own file, or by the permission that its purpose names",
    "DELETE /api/v1/files/{fileId}": "one's own file",
    "GET /api/v1/jobs/{jobId}": "a job one asked for",
    "POST /api/v1/jobs/{jobId}/cancel": "a job one asked for",
}
"""Routes open to whoever is signed in, each with what it shows."""


@pytest.fixture
def routes(world: World) -> list[tuple[Api, Route]]:
    """Every route of every function that answers HTTP."""
    groups = [function(kind, name).api for kind, name in apps() if kind in ("api", "webhooks")]
    return [(api, route) for api in groups for route in api.routes]


def test_every_route_names_an_actor_or_stands_on_the_public_list(routes: list[tuple[Api, Route]]) -> None:
    none_of(r.name for _, r in routes if r.signature.allow is None and r.name not in PUBLIC)
    none_of(f"{r.name} is marked public but asks for an actor" for _, r in routes if r.public and r.signature.allow)


def test_the_public_list_names_only_routes_that_are(routes: list[tuple[Api, Route]]) -> None:
    public = {r.name for _, r in routes if r.public}
    none_of(f"{name} is not public" for name in PUBLIC if name not in public)
    none_of(f"{name} has no reason" for name, why in PUBLIC.items() if not why)


def test_paths_outside_the_routes_tell_health_and_description_only(routes: list[tuple[Api, Route]]) -> None:
    plain = {path for api, _ in routes for path in api.plain}
    none_of(path for path in plain if path.rsplit("/", 1)[1] not in ("health", "openapi.json"))


def test_only_things_about_oneself_are_open_to_any_user(routes: list[tuple[Api, Route]]) -> None:
    unnamed = {r.name for _, r in routes if r.signature.allow and not r.signature.allow.any_of}
    none_of(f"{name} names no permission" for name in sorted(unnamed - set(ANY_USER)))
    none_of(f"{name} names one" for name in ANY_USER if name not in unnamed)


def test_every_permission_a_route_asks_for_is_held_by_somebody(routes: list[tuple[Api, Route]]) -> None:
    held = {p for role in permissions.ROLE_PERMISSIONS for p in permissions.of([role])}
    asked = {p for _, r in routes if r.signature.allow for p in r.signature.allow.any_of}
    none_of(f"{p} is held by no role" for p in sorted(asked - held))


def test_no_route_takes_a_tenant_from_a_body(routes: list[tuple[Api, Route]]) -> None:
    none_of(
        f"{r.name}: {field}"
        for _, r in routes
        if r.signature.body
        for field in r.signature.body[1].model_fields
        if field == "tenant_id" and r.name not in NAMES_A_TENANT
    )


def test_no_two_functions_answer_the_same(routes: list[tuple[Api, Route]]) -> None:
    counted = Counter(r.name for _, r in routes)
    none_of(f"{name}: {times} times" for name, times in counted.items() if times > 1)


def test_paths_follow_the_conventions(routes: list[tuple[Api, Route]]) -> None:
    for _, route in routes:
        for part in route.path.strip("/").split("/"):
            plain = part.strip("{}")
            assert plain == plain.lower() or part.startswith("{"), route.name
            assert "_" not in part, route.name


def test_every_route_s_ids_are_looked_up_before_its_body_is_judged(routes: list[tuple[Api, Route]]) -> None:
    """A fault of the body must not tell that an id names nothing: such routes say in which table an id is."""
    none_of(
        f"{r.name}: {p.name} does not say Of(table)"
        for _, r in routes
        if r.signature.body and not r.public
        for p in r.signature.path
        if p.name.endswith("id") and p.name not in r.signature.tables
    )
