"""The door of every debit: told a day before, in the network's hours, at most four times, never more than allowed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.errors import Problem
from studyspot.mandates import debiting
from studyspot.mandates.models import MandateNotActive
from studyspot.payments.models import (
    AlreadyPaid,
    DebitAttemptsUsed,
    MandateLimit,
    OutsideUpiWindow,
    PaymentInProgress,
    PreDebitNoticeMissing,
)

from tests.alongside import at_once
from tests.fulfilment.shop import Shop
from tests.mandates.account import Account, morning


@pytest.fixture
def account(shop: Shop) -> Account:
    return Account(shop)


def refused(call: Any, *arguments: Any) -> Problem:
    with pytest.raises(Problem) as told:
        call(*arguments)
    return told.value


def test_a_debit_is_told_asked_for_and_paid_once(account: Account) -> None:
    mandate = account.active()
    due, at = account.owe(), morning()
    debit = account.announce(mandate, due, at)
    assert (debit.status, debit.amount_paise) == ("announced", 6000)
    assert refused(account.announce, mandate, due, at).code == "debit_under_way"
    account.world.advance_to(at)
    asked = account.ask(debit.id)
    assert [(a.number, a.result) for a in asked.attempts] == [(1, None)]
    assert refused(account.ask, debit.id).code == "debit_under_way"
    account.arrive()
    (shown,) = account.debits(mandate)
    assert (shown["status"], shown["attempts"][0]["result"], account.due(due)) == ("paid", "paid", "paid")
    assert refused(account.ask, debit.id).code in ("already_paid", "state_conflict")
    assert account.shop.books()["revenue.dues"] == -12000
    assert account.shop.receipts() == 2
    told = {m.get("type") for m in account.world.outbox(account.shop.tenant)}
    assert {"mandate.debit_notified", "mandate.debited"} <= told
    with account.world.db(account.shop.tenant) as db:
        mails = db.dicts("SELECT template_id FROM communications WHERE channel = 'email' ORDER BY id")
    assert [m["template_id"] for m in mails] == ["mandate_notice", "mandate_debited"]


def test_many_who_ask_at_once_ask_once(account: Account) -> None:
    mandate = account.active()
    due, at = account.owe(), morning()
    debit = account.announce(mandate, due, at)
    account.world.advance_to(at)

    def ask(db: Db, debit_id: UUID) -> str:
        try:
            return debiting.ask(db, debit_id).status
        except Problem as problem:
            return problem.code

    came_to = at_once(account.shop.tenant, ask, [debit.id] * 6, clients=3)
    assert (came_to.count("asked"), came_to.count("debit_under_way")) == (1, 5), came_to
    account.arrive()
    assert (len(account.debits(mandate)[0]["attempts"]), account.shop.net_captured()) == (1, 12000)


def test_a_debit_whose_webhook_is_lost_is_found(account: Account) -> None:
    mandate = account.active()
    due, at = account.owe(), morning()
    debit = account.announce(mandate, due, at)
    account.world.advance_to(at)
    account.ask(debit.id)
    account.shop.simulators._store.drop("delivery")
    account.look(debit.id)
    account.shop.background()
    assert (account.debits(mandate)[0]["status"], account.due(due)) == ("paid", "paid")


def test_nobody_is_debited_who_was_not_told_a_day_before(account: Account) -> None:
    mandate = account.active()
    due = account.owe()
    soon = clock.now() + timedelta(hours=23, minutes=59)
    assert isinstance(refused(account.announce, mandate, due, soon), PreDebitNoticeMissing)
    debit = account.announce(mandate, due, morning())
    account.world.advance_to(morning(1, hour=9))  # inside a window, and 23 hours after the notice
    assert isinstance(refused(account.ask, debit.id), PreDebitNoticeMissing)
    with account.world.db(account.shop.tenant) as db, pytest.raises(psycopg.errors.CheckViolation):
        db.run("UPDATE mandate_debits SET debit_at = noticed_at + interval '1 hour'")


def test_upi_has_hours_and_cards_have_none(account: Account) -> None:
    card = account.active("card")
    assert account.announce(card, account.owe(), morning(hour=11)).status == "announced"
    account.call("POST", f"/{card}/revoke")
    upi = account.active("upi")
    due = account.owe()
    for hour in (10, 12, 17, 20):
        assert isinstance(refused(account.announce, upi, due, morning(hour=hour)), OutsideUpiWindow), hour
    debit = account.announce(upi, due, morning(hour=13))
    account.world.advance_to(morning(2, hour=18))
    assert isinstance(refused(account.ask, debit.id), OutsideUpiWindow)


def test_one_attempt_and_three_retries(account: Account) -> None:
    mandate = account.active()
    due = account.owe()
    debit = account.announce(mandate, due, morning())
    for number in range(1, 5):
        account.world.advance_to(morning(2 if number == 1 else 1))
        account.shop.fault("razorpay", "reject", "debit")
        account.ask(debit.id)
        account.arrive()
        looked = account.look(debit.id)
        assert [a.result for a in looked.attempts] == ["declined"] * number
    assert account.debits(mandate)[0]["status"] == "failed"
    assert account.due(due) == "open"
    account.world.advance_to(morning(1))
    assert isinstance(refused(account.ask, debit.id), DebitAttemptsUsed | Problem)
    assert account.shop.net_captured() == 6000
    told = {m.get("type") for m in account.world.outbox(account.shop.tenant)}
    assert "mandate.debit_failed" in told


def test_a_declined_debit_that_is_tried_again_is_paid_once(account: Account) -> None:
    mandate = account.active()
    due = account.owe()
    debit = account.announce(mandate, due, morning())
    account.world.advance_to(morning(2))
    account.shop.fault("razorpay", "reject", "debit")
    account.ask(debit.id)
    account.arrive()
    account.look(debit.id)
    account.world.advance_to(morning(1))
    account.ask(debit.id)
    account.arrive()
    account.look(debit.id)
    account.shop.background()
    (shown,) = account.debits(mandate)
    assert [a["result"] for a in shown["attempts"]] == ["declined", "paid"]
    assert (shown["status"], account.due(due), account.shop.net_captured()) == ("paid", "paid", 12000)


def test_never_more_than_the_mandate_or_the_law_allows(account: Account) -> None:
    mandate = account.active(maxAmountPaise=6_000)
    due = account.owe()
    with account.world.db(account.shop.tenant) as db:
        db.run("UPDATE membership_dues SET amount_paise = 6001 WHERE id = %(id)s", id=due)
    assert isinstance(refused(account.announce, mandate, due, morning()), MandateLimit)


def test_a_debit_waits_for_no_second_payment(account: Account) -> None:
    mandate = account.active()
    due = account.owe()
    body = {"purpose": "dues", "purposeId": due}
    opened = account.world.call("payments", "POST", "/payments/create", account.shop.token, body)
    assert isinstance(refused(account.announce, mandate, due, morning()), PaymentInProgress)
    account.world.call("payments", "POST", f"/payments/{opened.data['id']}/cancel", account.shop.token)
    account.announce(mandate, due, morning())
    again = account.world.call("payments", "POST", "/payments/create", account.shop.token, body)
    assert again.code == "payment_in_progress"


def test_what_was_paid_otherwise_is_not_debited(account: Account) -> None:
    mandate = account.active()
    due = account.owe()
    debit = account.announce(mandate, due, morning())
    with account.world.db(account.shop.tenant) as db:
        db.run("UPDATE membership_dues SET status = 'paid', paid_at = now() WHERE id = %(id)s", id=due)
    account.world.advance_to(morning())
    assert isinstance(refused(account.ask, debit.id), AlreadyPaid)


@pytest.mark.parametrize("verb", ["pause", "revoke"])
def test_nothing_is_debited_under_a_mandate_that_ended(account: Account, verb: str) -> None:
    mandate = account.active()
    due = account.owe()
    debit = account.announce(mandate, due, morning())
    assert account.call("POST", f"/{mandate}/{verb}").status == 200
    account.world.advance_to(morning())
    assert isinstance(refused(account.ask, debit.id), MandateNotActive)
    assert account.debits(mandate)[0]["status"] == "cancelled"
    assert account.shop.net_captured() == 6000


def test_what_a_pause_called_off_can_be_paid_by_hand(account: Account) -> None:
    mandate = account.active()
    due = account.owe()
    account.announce(mandate, due, morning())
    account.call("POST", f"/{mandate}/pause")
    payment = account.shop.create(due, purpose="dues")
    assert payment.status == 201
    account.shop.verify(payment.data["id"], account.shop.pay(payment.data))
    assert account.due(due) == "paid"


@pytest.mark.parametrize(("there", "here"), [("cancelled", "revoked"), ("paused", "paused")])
def test_what_the_payer_ended_at_their_bank_is_ended_here(account: Account, there: str, here: str) -> None:
    mandate = account.active()
    due = account.owe()
    debit = account.announce(mandate, due, morning())
    razorpay = account.shop.simulators._razorpay
    razorpay._books.change_token(razorpay._store.of("razorpay.token")[0], there)
    account.world.advance_to(morning())
    assert isinstance(refused(account.ask, debit.id), MandateNotActive)
    assert (account.read(mandate)["status"], account.debits(mandate)[0]["status"]) == (here, "cancelled")
    assert isinstance(refused(account.announce, mandate, due, morning()), MandateNotActive)
    assert account.shop.net_captured() == 6000
