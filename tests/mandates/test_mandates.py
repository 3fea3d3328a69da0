"""Students permit debits, see them, pause and end them; nobody else does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from studyspot.kit import ids

from tests.fulfilment.shop import Shop
from tests.mandates.account import MOST, Account


@pytest.fixture
def account(shop: Shop) -> Account:
    return Account(shop)


def test_who_may_not_have_one(account: Account) -> None:
    account.owe()
    shop = account.shop
    assert account.create(token=shop.scene.staff()).code == "forbidden"
    assert account.create(token=shop.world.token("student", shop.tenant)).status == 404
    assert account.call("POST", "", None, {}).code in ("idempotency_key_required", "validation_failed", "bad_request")
    mandate = account.create().data["id"]
    other = shop.world.token("student", shop.tenant)
    for method, path in (("GET", ""), ("GET", "/debits"), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/revoke")):
        assert account.call(method, f"/{mandate}{path}", other).status == 404, path
    assert account.call("GET", "", other).data == []
    assert account.call("POST", f"/{mandate}/pause", shop.owner).code == "forbidden"


@pytest.mark.parametrize("kind", ["upi", "card"])
def test_paying_what_is_owed_approves_it(account: Account, kind: str) -> None:
    due = account.owe()
    made = account.create(kind)
    assert (made.status, made.data["status"], made.data["kind"]) == (201, "created", kind)
    assert made.headers["Location"].endswith(made.data["id"])
    account.approve(made.data)
    mandate = account.read(made.data["id"])
    assert (mandate["status"], mandate["approvedAt"] is not None) == ("active", True)
    assert account.due(due) == "paid"
    assert account.shop.payment(made.data["paymentId"])["status"] == "captured"
    assert account.shop.receipts() == 1
    assert {"mandate.created", "mandate.active"} <= {m.get("type") for m in account.world.outbox(account.shop.tenant)}
    assert account.create(key="again").code == "mandate_exists"


def test_at_a_bank_nothing_is_paid_by_approving(account: Account) -> None:
    account.owe_nothing()
    made = account.create("enach", maxAmountPaise=5_000_000)
    assert (made.status, made.data["paymentId"]) == (201, None)
    account.shop.simulators.pay(made.data["checkout"]["orderId"], "success", method="netbanking")
    account.arrive()
    assert account.read(made.data["id"])["status"] == "active"
    assert (account.shop.count("payments"), account.shop.net_captured()) == (1, 6000)


def test_without_anything_owed_there_is_nothing_to_confirm_it_by(account: Account) -> None:
    account.owe_nothing()
    assert account.create("upi").code == "nothing_to_pay"


def test_no_more_than_the_framework_allows_without_confirmation(account: Account) -> None:
    account.owe()
    refused = account.create(maxAmountPaise=1_500_001)
    assert (refused.status, refused.code) == (422, "mandate_limit")
    assert refused.json["mostPaise"] == 1_500_000
    assert account.create(maxAmountPaise=1_500_000, key="k2").status == 201


def test_asked_for_again_it_is_the_same_mandate_and_order(account: Account) -> None:
    account.owe()
    first, again = account.create(key="a").data, account.create(key="b").data
    assert (first["id"], first["checkout"]["orderId"]) == (again["id"], again["checkout"]["orderId"])
    assert account.shop.count("payments") == 1
    other = account.create(key="c", maxAmountPaise=MOST + 1)
    assert other.code == "payment_in_progress"


def test_a_lost_answer_is_looked_up(account: Account) -> None:
    account.owe()
    account.shop.fault("razorpay", "error_500", "create_order")
    assert account.create(key="a").code == "gateway_unavailable"
    assert account.create(key="b").status == 201
    assert account.shop.count("mandates") == 1


def test_nobody_approved_it_in_time(account: Account) -> None:
    account.owe()
    first = account.create(key="a").data
    account.shop.pass_time(timedelta(days=4))
    second = account.create(key="b")
    assert (account.read(first["id"])["status"], second.json.get("code")) in (
        ("rejected", None), ("created", "payment_in_progress"),
    )  # fmt: skip


def test_paused_and_resumed_by_the_student_alone(account: Account) -> None:
    mandate = account.active()
    assert account.call("POST", f"/{mandate}/resume").code == "state_conflict"
    assert account.call("POST", f"/{mandate}/pause").data["status"] == "paused"
    assert account.call("POST", f"/{mandate}/pause").code == "state_conflict"
    assert account.call("POST", f"/{mandate}/resume").data["status"] == "active"


@pytest.mark.parametrize("by_owner", [True, False])
def test_revoked_here_at_once_and_then_at_the_gateway(account: Account, by_owner: bool) -> None:
    mandate = account.active()
    who = account.shop.owner if by_owner else account.shop.token
    account.shop.fault("razorpay", "down")
    assert account.call("POST", f"/{mandate}/revoke", who).code == "gateway_unavailable"
    assert account.read(mandate)["status"] == "revoked"
    account.shop.simulators.clear_faults()
    assert account.call("POST", f"/{mandate}/revoke", who).data["status"] == "revoked"
    tokens = account.shop.simulators._store.of("razorpay.token")
    assert [each["recurring_details"]["status"] for each in tokens] == ["cancelled"]
    assert account.call("POST", f"/{mandate}/resume").code == "state_conflict"


def test_the_list_has_filters_and_pages(account: Account) -> None:
    mandate = account.active()
    account.call("POST", f"/{mandate}/revoke")
    owner = account.shop.owner
    assert [row["id"] for row in account.call("GET", "?status=revoked", owner).data] == [mandate]
    assert account.call("GET", "?status=active", owner).data == []
    assert account.call("GET", f"?studentId={ids.uuid7()}", owner).data == []
    assert [row["id"] for row in account.call("GET", "?limit=1").data] == [mandate]
