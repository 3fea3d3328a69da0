"""All groups at once at one tenant's own database: nobody is refused, and a fifth of the connections stays free."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from local.proofs.people import Person
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
            answers = dict(zip(LISTS, people.map(lambda path: owner.ask("GET", path).status, LISTS), strict=True))
            assert {path: status for path, status in answers.items() if status >= 500} == {}
    assert stack.rows(BACKENDS, tenant=stack.world["other"]["tenantId"])[0][0] <= 16
