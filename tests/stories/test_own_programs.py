"""An organisation's own programs against the running stack: a key, a file by signed address, a webhook, a schedule."""

from __future__ import annotations

import io
import json

import requests
from PIL import Image

from local.proofs.people import call, eventually
from local.proofs.running import Running
from tests.webhooks_out.receiver import Receiver


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (1600, 800), "teal").save(out, "PNG")
    return out.getvalue()


def by_key(stack: Running, *scopes: str) -> dict[str, str]:
    proof = {"password": stack.world["owner"]["password"]}
    stack.owner.ask("POST", "/auth/step-up", proof).must(200)
    made = stack.owner.ask("POST", "/api-keys", {"name": "own app", "scopes": list(scopes)}).must(201)
    return {"Authorization": f"Bearer {made['key']}"}


def test_a_picture_goes_up_is_looked_at_and_comes_down_smaller(stack: Running) -> None:
    headers, photo = by_key(stack, "libraries:update"), picture()
    wanted = {"purpose": "library_image", "name": "hall.png", "contentType": "image/png", "sizeBytes": len(photo)}
    upload = call(stack.url, "POST", "/api/v1/files/uploads", wanted, headers=headers).must(201)
    assert requests.put(upload["url"], photo + b"more", headers={"Content-Type": "image/png"}).status_code == 403
    assert requests.put(upload["url"], photo, headers={"Content-Type": "text/html"}).status_code == 403
    assert requests.put(upload["url"], photo, headers={"Content-Type": "image/png"}).status_code == 200

    def drawn() -> bool:
        shown = call(stack.url, "GET", f"/api/v1/files/{upload['id']}", headers=headers).must(200)
        return len(shown["renditions"]) == 2

    eventually(drawn, "two smaller pictures")
    shown = call(stack.url, "GET", f"/api/v1/files/{upload['id']}", headers=headers).must(200)
    assert requests.get(shown["url"]).content == photo
    with Image.open(io.BytesIO(requests.get(shown["renditions"][0]["url"]).content)) as smaller:
        assert (smaller.format, smaller.width) == ("WEBP", 320)


def test_an_endpoint_of_ones_own_is_told(stack: Running) -> None:
    with Receiver() as receiver:
        body = {"url": receiver.url, "events": ["student.created"]}
        made = stack.owner.ask("POST", "/webhooks/endpoints", body).must(201)
        stack.owner.ask("POST", f"/webhooks/endpoints/{made['id']}/test").must(202)
        eventually(lambda: len(receiver.received) == 1, "the test")
        told = json.loads(receiver.received[0].body)
        assert told["type"] == "webhook.test"
        assert receiver.received[0].headers["webhook-id"] == f"msg_{told['id'].replace('-', '')}"
        stack.owner.ask("DELETE", f"/webhooks/endpoints/{made['id']}").must(204)


def test_a_schedule_run_now_runs_once(stack: Running) -> None:
    before = {one["name"]: one for one in stack.admin.ask("GET", "/admin/schedules").must(200)}
    asked = stack.admin.ask("POST", "/admin/schedules/anchor/run").must(200, 202)
    again = stack.admin.ask("POST", "/admin/schedules/anchor/run").must(200)
    assert again["started"] is False

    def ran() -> bool:
        found = {one["name"]: one for one in stack.admin.ask("GET", "/admin/schedules").must(200)}
        return found["anchor"]["lastFinishedAt"] is not None and found["anchor"]["runsToday"] >= 1

    eventually(ran, "the run")
    assert asked["started"] or before["anchor"]["runsToday"] >= 1


def test_the_operator_sees_every_queue(stack: Running) -> None:
    found = stack.admin.ask("GET", "/admin/queues").must(200)
    assert {queue["status"] for queue in found} == {"connected"}
    moved = stack.admin.ask("POST", "/admin/queues/email/redrive").must(200)
    assert moved["remaining"] == 0
