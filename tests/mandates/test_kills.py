"""The process dies at every statement of telling, asking and looking: told again, asked once, charged once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fulfilment.shop import Mount, open_shop
from tests.fulfilment.test_kills import MOST_TRIPS, Mortal
from tests.mandates.account import Account, morning
from tests.world import World


@pytest.mark.slow
@pytest.mark.parametrize("dying", ["announce", "ask", "look"])
def test_a_debit_killed_anywhere(
    world: World, gateways_listener: tuple[Mount, str], tmp_path: Path, no_cloud: None,
    monkeypatch: pytest.MonkeyPatch, dying: str,
) -> None:  # fmt: skip
    mortal = Mortal(monkeypatch)
    for trips in range(MOST_TRIPS):
        with open_shop(world, *gateways_listener, tmp_path / str(trips)) as shop:
            account = Account(shop)
            mandate = account.active()
            due, at = account.owe(), morning()
            done = _lived_through(account, mortal, trips, dying, mandate, due, at)
            account.arrive()
            assert (account.due(due), shop.net_captured()) == ("paid", 12000), (dying, trips)
            (debit,) = [each for each in account.debits(mandate) if each["status"] != "cancelled"]
            assert (debit["status"], shop.receipts()) == ("paid", 2), (dying, trips)
            assert shop.books()["revenue.dues"] == -12000
        if done:
            print(f"{dying}: died at each of {trips} boundaries")
            assert trips >= 5, "hardly anything was interrupted"
            return
    pytest.fail("it never came to its end")


def _lived_through(account: Account, mortal: Mortal, trips: int, dying: str, mandate: str, due: str, at: Any) -> bool:
    """The three steps one after the other, the one that is tried cut short and then done again as its caller would."""
    done = True
    if dying == "announce":
        done = mortal.live(trips, lambda: account.announce(mandate, due, at))
    if not account.debits(mandate) or account.debits(mandate)[0]["status"] == "opening":
        account.announce(mandate, due, at)
    debit = account.debits(mandate)[0]["id"]
    account.world.advance_to(at)
    if dying == "ask":
        done = mortal.live(trips, lambda: account.ask(debit))
    if not account.debits(mandate)[0]["attempts"]:
        account.ask(debit)
    if dying == "look":
        done = mortal.live(trips, lambda: account.look(debit))
    looked = account.look(debit)
    if looked.status != "paid" and looked.attempts[-1].result:  # it died before the gateway was asked
        account.ask(debit)
        account.look(debit)
    return done
