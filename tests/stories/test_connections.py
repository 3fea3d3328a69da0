"""All groups at once at one tenant's own database: nobody is refused, and a fifth of the connections stays free."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from local.proofs.people import Person, eventually
from local.proofs.running import Running

LISTS = (
    *("/students", "/libraries", "/fee-plans", "/memberships", "/bookings", "/attendance", "/payments", "/credits"),
    *("/messaging/history", "/subscriptions/current", "/auth/me", "/auth/sessions", "/users/me", "/staff", "/roles"),
    *("/tenants/me", "/tenants/me/settings", "/api-keys", "/webhooks/endpoints", "/audit-logs", "/privacy/requests"),
)
BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename IN ('app', 'worker')"


def test_all_groups_at_once_leave_a_fifth_of_the_connections_free(stack: Running) -> None:
    owner = Person(stack.url, stack.world["other"]["owner"])
    owner.sign_in()
    with ThreadPoolExecutor(len(LISTS)) as people:
        for _ in range(3):
            answers = dict(zip(LISTS, people.map(lambda path: owner.ask("GET", path), LISTS), strict=True))
            assert {path: answer.body for path, answer in answers.items() if answer.status >= 500} == {}

    def few() -> bool:
        found: int = stack.rows(BACKENDS, tenant=stack.world["other"]["tenantId"])[0][0]
        return found <= 16  # a connection that was told to end is still counted for a moment

    eventually(few, "a fifth of the connections is free")
