"""`make months`: three months by the product's clock over HTTP, a skipped week among them; each period billed once."""

import argparse
import json
import sys
import time
from itertools import pairwise
from typing import Any
from uuid import uuid4

from local.proofs import books
from local.proofs.people import eventually
from local.proofs.running import Running, running

Step = tuple[str, bool]
THREE_MONTHS: tuple[Step, ...] = (
    *(("P7D", False),) * 3,
    ("P7D", True),
    *(("P7D", False),) * 5,
    ("P3D", True),
    *(("P7D", False),) * 3,
    ("P7D", False),
)
"""The first outage lies over the day on which the first renewal's notice is due."""
NET = """
    SELECT a.gateway, a.gateway_order_id FROM payment_attempts a JOIN payments p ON p.id = a.payment_id
    WHERE p.purpose = 'subscription' AND p.purpose_id = ANY (
        SELECT d.id FROM subscription_periods d JOIN subscriptions s ON s.id = d.subscription_id
        WHERE s.customer_id = %s)"""
PERIODS = """
    SELECT d.period_index, d.starts_at, d.ends_at, d.status, d.noticed_at, d.debit_at, d.payment_id::text
    FROM subscription_periods d JOIN subscriptions s ON s.id = d.subscription_id
    WHERE s.customer_id = %s ORDER BY d.period_index"""


def subscribe(up: Running) -> str:
    """The demo library's owner subscribes and approves; her tenant."""
    made = up.owner.ask("POST", "/subscriptions/subscribe", {"planCode": "starter"}, str(uuid4())).must(201)
    up.sandbox.pay(made["mandate"]["gatewayOrderId"])
    eventually(lambda: current(up)["status"] == "active", "an active subscription")
    return str(up.world["tenantId"])


def current(up: Running) -> Any:
    return up.owner.ask("GET", "/subscriptions/current").must(200)


def live(up: Running, steps: tuple[Step, ...]) -> list[dict[str, Any]]:
    """Every step of the calendar, and what it took."""
    told = []
    for by, skip in steps:
        began = time.monotonic()
        turned = up.sandbox.advance(by, skip)
        failed = [one for one in turned["fired"] if not one["ok"]]
        told.append({"advance": by, "skip": skip, "now": turned["now"], "fired": len(turned["fired"]),
                     "failed": failed, "seconds": round(time.monotonic() - began, 1)})  # fmt: skip
    return told


def audit(up: Running, tenant: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The periods, and whatever is wrong with them, their invoices, their money and the law's windows."""
    rows = up.core_rows(PERIODS, tenant)
    invoices = current(up)["invoices"]
    faults = [f"period {a[0]} ends {a[2]}, the next begins {b[1]}" for a, b in pairwise(rows) if a[2] != b[1]]
    faults += [f"period {row[0]} is {row[3]}" for row in rows if row[3] != "paid" and row[1] <= up.library.now()]
    spans = sorted((invoice["periodStart"], invoice["periodEnd"]) for invoice in invoices)
    paid = [row for row in rows if row[3] == "paid"]
    if len(spans) != len(set(spans)) or len(spans) != len(paid):
        faults.append(f"{len(paid)} paid periods, {len(spans)} invoices of {len(set(spans))} periods")
    if len({invoice["number"] for invoice in invoices}) != len(invoices):
        faults.append("an invoice number was given twice")
    if len({row[6] for row in paid}) != len(paid):
        faults.append("one payment paid two periods")
    faults += [f"period {row[0]}: debited {row[5]}, announced {row[4]}" for row in rows[1:] if _too_soon(row)]
    if paid and rows[-1][2] <= up.library.now():
        faults.append("the present is not covered by any period")
    faults += _double_charges(up, tenant, invoices)
    return [{"period": row[0], "from": str(row[1]), "to": str(row[2]), "status": row[3]} for row in rows], faults


def _too_soon(row: tuple[Any, ...]) -> bool:
    return bool(row[4] and row[5] and (row[5] - row[4]).total_seconds() < 24 * 3600)


def _double_charges(up: Running, tenant: str, invoices: list[dict[str, Any]]) -> list[str]:
    """What the gateways took is the sum of the invoices, not a paisa more."""
    taken = sum(up.stage.simulators.kept_paise(gateway, order) for gateway, order in up.core_rows(NET, tenant) if order)
    billed = sum(invoice["totalPaise"] for invoice in invoices)
    return [] if taken == billed else [f"the gateways took {taken}, the invoices say {billed}"]


def bill(up: Running, steps: tuple[Step, ...]) -> dict[str, Any]:
    """Subscribe, live, look."""
    tenant = subscribe(up)
    told = live(up, steps)
    periods, faults = audit(up, tenant)
    faults += [f"a schedule failed: {one}" for step in told for one in step["failed"]]
    faults += books.left_over(up)
    return {"steps": told, "periods": periods, "invoices": len(current(up)["invoices"]), "faults": faults}


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with running() as up:
        result = bill(up, THREE_MONTHS)
    print(json.dumps(result, indent=2))
    return 1 if result["faults"] or result["invoices"] < 4 else 0


if __name__ == "__main__":
    sys.exit(main())
