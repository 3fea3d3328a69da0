"""An operator takes a gateway out, or puts it back, for every organisation at once."""

from __future__ import annotations

from studyspot.kit import audit
from studyspot.kit.db import Db
from studyspot.payments import queries
from studyspot.payments.models import CircuitChange, CircuitSet, GatewayName


def turn(core: Db, gateway: GatewayName, asked: CircuitChange) -> CircuitSet:
    """In every cell, one after the other; one that does not answer fails the request, which may be repeated."""
    with core.transaction():
        audit.note(core, "gateways.circuit", "gateways", gateway, after=asked.model_dump())
    cells = queries.set_circuit(gateway, asked.circuit == "open", asked.reason)
    return CircuitSet(gateway=gateway, circuit=asked.circuit, reason=asked.reason, cells=cells)
