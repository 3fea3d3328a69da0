"""The short form of `make contention`: a crowd over HTTP on few seats."""

from __future__ import annotations

from local.proofs import books
from local.proofs.contention import Client, contend, verify
from local.proofs.running import Running


def test_a_crowd_over_http_holds_no_seat_twice(stack: Running) -> None:
    result = contend(stack, clients=40, tries=3)
    assert (result["doubleHolds"], result["faults"]) == (0, []), result
    assert result["told"]["booked"] > 20
    assert result["told"]["seat_taken"] > 0


def test_the_verification_sees_what_is_wrong(stack: Running) -> None:
    """A check that cannot fail proves nothing."""
    held = stack.library.hold()
    client = Client(stack.library, held["studentId"], stack.library.seats, None, {"nothing": "nowhere"})  # type: ignore[arg-type]
    faults = verify(stack, [client])
    assert "booking nothing is believed, not held" in faults
    assert f"booking {held['id']} is held, nobody knows" in faults
    assert books.double_holds(stack) == []
