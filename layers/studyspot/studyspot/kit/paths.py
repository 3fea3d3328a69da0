"""One normalisation before routing: older paths and the unversioned prefix become the canonical `/api/v1/...`."""

from __future__ import annotations

PREFIX = "/api/v1"
RENAMED = {
    "auth/signin": "auth/login",
    "auth/signup": "auth/register",
    "auth/signout": "auth/logout",
    "payments/initiate": "payments/create",
    "invoices": "billing/invoices",
}
MOVED = {
    "bookings": "services/bookings",
    "subscriptions": "billing/subscriptions",
    "chat/conversations": "conversations",
    "analytics": "analytics/chat-product",
}
UNVERSIONED = {
    "/",
    "/health",
    "/health/detailed",
    "/health/services",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/.well-known/jwks.json",
}


def canonical(path: str, method: str) -> str:
    """The path a route is written with (`conventions.md`, "Older paths that still answer")."""
    path = path.rstrip("/") or "/"
    short = path.removeprefix(PREFIX if path.startswith(PREFIX + "/") else "/api")
    if short in UNVERSIONED:
        return short
    if path.startswith(PREFIX + "/") or not path.startswith("/api/"):
        return path
    rest = path.removeprefix("/api/")
    if rest == "payments" and method == "POST":
        return f"{PREFIX}/billing/payments"
    if rest in RENAMED:
        return f"{PREFIX}/{RENAMED[rest]}"
    for old, new in MOVED.items():
        if rest == old or rest.startswith(old + "/"):
            return f"{PREFIX}/{new}{rest.removeprefix(old)}"
    return f"{PREFIX}/{rest}"
