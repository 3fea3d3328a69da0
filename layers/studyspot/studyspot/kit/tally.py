"""What one request cost this process: round trips, time and errors of databases, and how its caches served it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Tally:
    """Counted from one request's begin to the next; a process takes one at a time."""

    trips: int = 0
    database_seconds: float = 0.0
    database_errors: int = 0
    caches: dict[str, list[int]] = field(default_factory=dict)
    """By key pattern: hits and misses."""

    def looked_up(self, pattern: str, hit: bool) -> None:
        """A cache was asked."""
        counted = self.caches.setdefault(pattern, [0, 0])
        counted[0 if hit else 1] += 1


current = Tally()


def begin() -> None:
    """Another request: counting starts at nothing."""
    global current  # noqa: PLW0603 - one process, one request at a time
    current = Tally()
