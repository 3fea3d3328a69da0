"""What must be true of money and seats after any fault: the product's rows against the gateways' own books."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from local.proofs.running import Running

PAID = ("captured", "partially_refunded", "refunded")
PAYMENTS = """
    SELECT p.id::text, p.status, p.activated_at IS NOT NULL, p.amount_paise, b.id::text, b.status, b.payment_id::text,
           (SELECT count(*) FROM payment_captures c WHERE c.payment_id = p.id AND NOT c.surplus),
           (SELECT count(*) FROM communications m WHERE m.about = p.id AND m.template_id = 'payment_receipt')
    FROM payments p JOIN bookings b ON b.id = p.purpose_id WHERE p.purpose_id::text = ANY (%s)"""
ORDERS = """
    SELECT p.purpose_id::text, a.gateway, a.gateway_order_id, a.reference FROM payment_attempts a
    JOIN payments p ON p.id = a.payment_id WHERE p.purpose_id::text = ANY (%s)"""
UNBALANCED = """
    SELECT t.id::text, sum(e.amount_paise) FROM ledger_transactions t
    LEFT JOIN ledger_entries e ON e.transaction_id = t.id GROUP BY t.id HAVING coalesce(sum(e.amount_paise), 1) <> 0"""
REVENUE = """
    SELECT coalesce(-sum(e.amount_paise), 0) FROM ledger_entries e
    JOIN ledger_transactions t ON t.id = e.transaction_id JOIN payment_captures c ON c.id = t.reference_id
    JOIN payments p ON p.id = c.payment_id
    WHERE e.account LIKE 'revenue.%%' AND p.purpose_id::text = ANY (%s)"""
OPEN_COMMANDS = "SELECT target, count(*) FROM outbox WHERE kind <> 'event' AND done_at IS NULL GROUP BY target"
OPEN_EVENTS = """
    SELECT concat_ws(' ', vendor, kind, state, detail), count(*) FROM webhook_events
    WHERE state IN ('received', 'parked') GROUP BY 1"""
OVERLAPS = """
    SELECT a.id::text, b.id::text FROM bookings a JOIN bookings b
      ON a.tenant_id = b.tenant_id AND a.seat_id = b.seat_id AND a.id < b.id
     AND a.start_at < b.end_at AND b.start_at < a.end_at
    WHERE a.status = ANY (%s) AND b.status = ANY (%s)"""
LIVE = ["held", "pending_payment", "confirmed", "checked_in"]


@dataclass
class Finding:
    """What the books say: figures, and everything that is wrong."""

    statuses: Counter[str] = field(default_factory=Counter)
    taken_paise: int = 0
    faults: list[str] = field(default_factory=list)


def audit(up: Running, bookings: list[str], customers_paid: set[str]) -> Finding:
    """`bookings` were paid for or not; the customers of `customers_paid` had the gateway's word that it took money."""
    found = Finding()
    net = net_of_bookings(up, bookings)
    confirmed: dict[str, int] = {}
    for payment, status, active, amount, booking, state, of, captures, receipts in up.rows(PAYMENTS, bookings):
        found.statuses[status] += 1
        kept = status in PAID and active
        confirmed[booking] = confirmed.get(booking, 0) + (amount if kept and status == "captured" else 0)
        if kept != (state == "confirmed" and of == payment):
            found.faults.append(f"payment {payment} is {status}, active {active}; its booking is {state} by {of}")
        if captures > 1 or receipts > 1 or (kept and receipts != 1):
            found.faults.append(f"payment {payment}: {captures} net captures, {receipts} receipts")
    for booking in bookings:
        if net[booking] != confirmed.get(booking, 0):
            found.faults.append(f"booking {booking}: gateways keep {net[booking]}, sold {confirmed.get(booking, 0)}")
        if booking in customers_paid and not net[booking] and not _returned(up, booking):
            found.faults.append(f"booking {booking}: the customer's money is nowhere")
    found.taken_paise = sum(net.values())
    (revenue,) = up.rows(REVENUE, bookings)[0]
    if revenue != found.taken_paise:
        found.faults.append(f"the ledger shows {revenue} of revenue, the gateways {found.taken_paise}")
    found.faults += [f"ledger transaction {row} does not sum to zero" for row in up.rows(UNBALANCED)]
    found.faults += left_over(up)
    return found


def left_over(up: Running) -> list[str]:
    """Commands and events that were stored and never came to their end."""
    commands = [*up.rows(OPEN_COMMANDS), *up.core_rows(OPEN_COMMANDS)]
    return [f"{count} {what} left open" for what, count in [*commands, *up.core_rows(OPEN_EVENTS)]]


def double_holds(up: Running) -> list[tuple[Any, ...]]:
    """Pairs of live bookings of one seat that overlap, whatever the claims' own table says."""
    return up.rows(OVERLAPS, LIVE, LIVE)


def net_of_bookings(up: Running, bookings: list[str]) -> dict[str, int]:
    """What the gateways themselves say that they took and did not give back, for each booking."""
    net = dict.fromkeys(bookings, 0)
    for booking, gateway, order, _ in up.rows(ORDERS, bookings):
        if order:
            net[booking] += up.stage.simulators.kept_paise(gateway, order)
    return net


def _returned(up: Running, booking: str) -> bool:
    query = """SELECT 1 FROM refunds r JOIN payments p ON p.id = r.payment_id
               WHERE p.purpose_id = %s AND r.status = 'succeeded'"""
    return bool(up.rows(query, booking))
