"""What holds in every state, and what holds when everything has come to rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studyspot.payments import states

PRICE = 12_000
PAID = frozenset(states.PAID)
BOUGHT = ("confirmed", "no_show")
"""A seat that was paid for, also when nobody came."""


def always(facts: dict[str, Any], complaints: Sequence[str] = ()) -> list[str]:
    """Every broken rule, in words."""
    cell = facts["cell"]
    found = [*complaints, *_captures(cell), *_purpose(cell), *_books(cell)]
    if facts["kept"] < _net(cell, ("succeeded", "pending")):
        found.append(f"the books know of more than the gateways: {facts['kept']}")
    return found


def _captures(cell: dict[str, Any]) -> list[str]:
    found = []
    if _net(cell, ("succeeded", "pending")) > PRICE:
        found.append("more than one capture is kept")
    if sum(p["active"] for p in cell["payments"]) > 1:
        found.append("two payments bought the same")
    for payment in cell["payments"]:
        counted = [c for c in cell["captures"] if c["payment"] == payment["id"] and not c["surplus"]]
        if len(counted) > 1:
            found.append("two captures of one payment count")
        if bool(counted) != (payment["status"] in PAID):
            found.append(f"captured, and {payment['status']}" if counted else f"{payment['status']} without money")
    if any(_back(cell, c["id"], ("succeeded", "pending")) > c["amount"] for c in cell["captures"]):
        found.append("more goes back than was taken")
    return found


def _purpose(cell: dict[str, Any]) -> list[str]:
    active = [p for p in cell["payments"] if p["active"]]
    found = []
    if (cell["booking"] in BOUGHT) != bool(active):
        found.append(f"the booking is {cell['booking']} and {len(active)} payments are active")
    if cell["receipts"] != len(active):
        found.append(f"{cell['receipts']} receipts for {len(active)} active payments")
    for capture in cell["captures"]:
        bought = any(p["id"] == capture["payment"] for p in active) and not capture["surplus"]
        if not bought and _back(cell, capture["id"], ("succeeded", "pending", "failed")) != capture["amount"]:
            found.append("money that buys nothing is not on its way back")
    return found


def _books(cell: dict[str, Any]) -> list[str]:
    books = cell["books"]
    found = [] if not cell["unbalanced"] and sum(books.values()) == 0 else ["the ledger does not sum to zero"]
    taken = sum(c["amount"] for c in cell["captures"])
    back = sum(r["amount"] for r in cell["refunds"] if r["status"] == "succeeded")
    ours = sum(
        p for a, p in books.items() if a.startswith(("asset.gateway_receivable", "expense.gateway", "asset.gst"))
    )
    if ours != taken - back:
        found.append(f"the ledger holds {ours} of {taken} taken and {back} given back")
    return found


def at_rest(facts: dict[str, Any]) -> list[str]:
    """Nothing is open, nothing is owed, and the gateways say what the books say."""
    cell = facts["cell"]
    found = [f"a payment stays {p['status']}" for p in cell["payments"] if p["status"] in states.OPEN]
    found += [f"a refund stays {r['status']}" for r in cell["refunds"] if r["status"] != "succeeded"]
    if facts["kept"] != _net(cell, ("succeeded",)):
        found.append(f"the gateways keep {facts['kept']}, we think {_net(cell, ('succeeded',))}")
    if cell["books"].get("liability.refunds_due", 0):
        found.append("refunds are still due")
    asked = sum(r["amount"] for r in cell["refunds"] if r["kind"] == "requested")
    if facts["kept"] != (PRICE - asked if cell["booking"] in BOUGHT else 0):
        found.append(f"the gateways keep {facts['kept']} for a booking that is {cell['booking']}")
    if cell["books"].get("revenue.booking", 0) != -facts["kept"]:
        found.append(f"sold for {cell['books'].get('revenue.booking')} paise, kept {facts['kept']}")
    return found


def _back(cell: dict[str, Any], capture: str, how: tuple[str, ...]) -> int:
    return sum(r["amount"] for r in cell["refunds"] if r["capture"] == capture and r["status"] in how)


def _net(cell: dict[str, Any], how: tuple[str, ...]) -> int:
    taken = sum(c["amount"] for c in cell["captures"])
    return taken - sum(r["amount"] for r in cell["refunds"] if r["status"] in how)
