"""Faults that the stage was told to act out, counted down as they are taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.simulators.protocol import Refused, vendor_id
from local.simulators.store import Store

KINDS = frozenset({"down", "error_500", "timeout", "timeout_after_effect", "slow", "reject", "rate_limit"})
MEMBERS = frozenset({"target", "fault", "operation", "times", "ms"})


class Faults:
    """Kept on disk, so that a restart does not heal a vendor."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, fault: Mapping[str, Any]) -> dict[str, Any]:
        if unknown := set(fault) - MEMBERS:
            raise Refused(422, f"unknown member {sorted(unknown)[0]}", "validation_failed", sorted(unknown)[0])
        if not isinstance(fault.get("target"), str) or not fault["target"]:
            raise Refused(422, "name a target", "validation_failed", "target")
        if fault.get("fault") not in KINDS:
            raise Refused(422, f"one of {', '.join(sorted(KINDS))}", "validation_failed", "fault")
        for member in ("times", "ms"):
            value = fault.get(member)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise Refused(422, "a whole number above zero", "validation_failed", member)
        kept = {"id": vendor_id("fault_"), **{member: fault.get(member) for member in sorted(MEMBERS)}}
        self._store.put("fault", str(kept["id"]), kept)
        return kept

    def all(self) -> list[dict[str, Any]]:
        return self._store.of("fault")

    def clear(self) -> None:
        self._store.drop("fault")

    def take(self, target: str, operation: str) -> dict[str, Any] | None:
        """The oldest fault in force for this operation; one named for it goes before a general one."""
        with self._store.change():
            fitting = [f for f in self.all() if f["target"] == target and f["operation"] in (None, operation)]
            if not fitting:
                return None
            fault = next((f for f in fitting if f["operation"]), fitting[0])
            if fault["times"] == 1:
                self._store.drop("fault", fault["id"])
            elif fault["times"]:
                self._store.put("fault", fault["id"], {**fault, "times": fault["times"] - 1})
        return fault

    def take_named(self, target: str, operation: str) -> dict[str, Any] | None:
        """Only a fault that names this operation: for what happens behind a call, not in it."""
        named = [f for f in self.all() if f["target"] == target and f["operation"] == operation]
        return self.take(target, operation) if named else None
