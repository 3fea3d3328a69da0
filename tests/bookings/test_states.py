"""Every event in every state: the table says what happens, the database does it, nothing else moves."""

from __future__ import annotations

from typing import get_args

import pytest
from studyspot.bookings import queries
from studyspot.bookings.models import LIVE, TRANSITIONS, Event, Status
from studyspot.kit import ids

from tests.bookings.scene import Scene
from tests.world import World

STATES: tuple[Status, ...] = get_args(Status)
EVENTS: tuple[Event, ...] = get_args(Event)


def test_the_table_knows_every_event_and_only_known_states() -> None:
    assert set(TRANSITIONS) == set(EVENTS)
    for before, after in TRANSITIONS.values():
        assert {*before, after} <= set(STATES)
    reached = {after for _, after in TRANSITIONS.values()} | {"held"}
    assert reached == set(STATES), "no state is out of reach"
    ends = set(STATES) - {state for before, _ in TRANSITIONS.values() for state in before}
    assert ends == {"completed", "cancelled", "rejected"}


def put(scene: Scene, booking: str, state: Status) -> None:
    """As if the booking had come to that state, with the claim that belongs to it."""
    with scene.world.db(scene.tenant.id) as db, db.transaction():
        db.run("UPDATE bookings SET status = %(state)s WHERE id = %(id)s", state=state, id=booking)
        db.run("DELETE FROM seat_occupancy")
        if state in LIVE:
            db.run(
                "INSERT INTO seat_occupancy (id, seat_id, during, kind, source_id)"
                " SELECT id, seat_id, tstzrange(start_at, end_at), 'booking', id FROM bookings"
            )


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.open(world, seats=1)


def test_every_event_in_every_state(scene: Scene) -> None:
    booking = scene.book(scene.token(scene.student())).data["id"]
    for state in STATES:
        for event in EVENTS:
            put(scene, booking, state)
            with scene.world.db(scene.tenant.id) as db, db.transaction():
                if event == "pay":
                    took = queries.confirm_paid(db, booking, ids.uuid7()) == "confirmed"
                elif event == "come_back":
                    took = queries.come_back(db, booking) == "confirmed"
                else:
                    took = queries.move_on(db, event, booking) is not None
            before, after = TRANSITIONS[event]
            assert took is (state in before), (state, event)
            assert scene.status(booking) == (after if took else state), (state, event)
            holds = bool(scene.claims())
            assert holds is (scene.status(booking) in LIVE), "live and claiming are the same thing"
