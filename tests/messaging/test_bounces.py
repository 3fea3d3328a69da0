"""What SES tells of a mail: believed when AWS signed it, told once, and an address that takes none is left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from studyspot.gateways import ses, sns
from studyspot.kit import clock
from studyspot.messaging import service

from local.simulators.notices import CERTIFICATE, Notices
from tests.messaging.test_sending import minute
from tests.world import Answer, Tenant, World

BASE = "http://127.0.0.1:1/sim/sns"
TOPIC = "arn:aws:sns:ap-south-1:000000000000:mail-events"
TO = "owner@example.com"


@pytest.fixture
def topic(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notices]:
    notices = Notices(BASE, TOPIC)
    fetched = {f"{BASE}{CERTIFICATE}": notices.certificate, f"{BASE}/confirm?Token=t": b"<ok/>"}
    monkeypatch.setattr(sns, "_fetched", fetched.__getitem__)
    sns._public_key.cache_clear()
    with world.setting(mail_events_topic_arn=TOPIC, sns_base_url=BASE):
        yield notices
    sns._public_key.cache_clear()


@pytest.fixture
def left(world: World, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The tags of each mail that left; SES knows the n-th as `ses-<tenant>-n`."""
    tags: list[dict[str, str]] = []

    def send(_: object, to: str, subject: str, text: str, told: dict[str, str]) -> str:
        tags.append(told)
        return f"ses-{told['tenant']}-{len(tags)}"

    monkeypatch.setattr(ses, "send_email", send)
    return tags


def mailed(world: World, tenant: Tenant, template: str = "password_reset", to: str = TO) -> None:
    with world.db(tenant.id) as db, db.transaction():
        service.mail(db, template, to, {"name": "Owner", "token": "t"} if template == "password_reset" else {})
    world.deliver("email_sender", *world.outbox(tenant.id, "email"))


def said(tags: dict[str, str], kind: str, vendor_id: str, **detail: Any) -> str:
    mail = {"messageId": vendor_id, "tags": {name: [value] for name, value in tags.items()}}
    return json.dumps({"eventType": kind, "mail": mail, kind[0].lower() + kind[1:]: detail})


def told(world: World, body: bytes) -> Answer:
    path = "/notifications/webhook/email"
    return world.call("email", "POST", path, None, body, kind="webhooks", content_type="text/plain; charset=UTF-8")


def tell(world: World, topic: Notices, text: str, event: str | None = None, **how: Any) -> Answer:
    return told(world, topic.enveloped(event or str(uuid4()), text, clock.now(), **how))


def mails(world: World, tenant: Tenant) -> list[tuple[str, str | None]]:
    with world.db(tenant.id) as db:
        rows = db.dicts("SELECT status, error_code FROM communications WHERE channel = 'email' ORDER BY id")
    return [(row["status"], row["error_code"]) for row in rows]


def bounce(tags: dict[str, str], vendor_id: str, kind: str = "Permanent") -> str:
    people = [{"emailAddress": TO, "diagnosticCode": "550 5.1.1 unknown"}]
    return said(tags, "Bounce", vendor_id, bounceType=kind, bounceSubType="General", bouncedRecipients=people)


def test_an_address_that_takes_no_mail_is_written_to_once(
    world: World, topic: Notices, left: list[dict[str, str]]
) -> None:
    tenant = world.tenant()
    mailed(world, tenant)
    event, text = str(uuid4()), bounce(left[0], f"ses-{tenant.id}-1")
    assert [tell(world, topic, text, event).data["status"] for _ in range(2)] == ["accepted", "duplicate"]
    assert mails(world, tenant) == [("failed", "bounced_general")]
    mailed(world, tenant)
    mailed(world, tenant, to="other@example.com")
    assert len(left) == 2
    assert [status for status, _ in mails(world, tenant)] == ["failed", "suppressed", "sent"]


def test_who_complains_still_gets_the_link_they_ask_for(
    world: World, topic: Notices, left: list[dict[str, str]]
) -> None:
    tenant = world.tenant()
    mailed(world, tenant)
    assert tell(world, topic, said(left[0], "Delivery", f"ses-{tenant.id}-1")).data["status"] == "accepted"
    assert tell(world, topic, said(left[0], "Complaint", f"ses-{tenant.id}-1")).data["status"] == "accepted"
    assert mails(world, tenant) == [("delivered", None)]
    mailed(world, tenant)
    assert mails(world, tenant)[1] == ("sent", None)


def test_a_full_mailbox_is_no_end(world: World, topic: Notices, left: list[dict[str, str]]) -> None:
    tenant = world.tenant()
    mailed(world, tenant)
    assert tell(world, topic, bounce(left[0], f"ses-{tenant.id}-1", "Transient")).data["status"] == "accepted"
    assert tell(world, topic, said(left[0], "Delivery", f"ses-{tenant.id}-1")).data["status"] == "accepted"
    assert mails(world, tenant) == [("delivered", None)]


@pytest.mark.parametrize("change", ["another_mail", "another_tenant", "no_tags", "opened"])
def test_what_is_of_no_mail_of_ours_changes_nothing(
    world: World, topic: Notices, left: list[dict[str, str]], change: str
) -> None:
    tenant = world.tenant()
    mailed(world, tenant)
    text = {
        "another_mail": bounce(left[0], "ses-of-somebody"),
        "another_tenant": bounce(left[0] | {"tenant": str(world.tenant().id)}, f"ses-{tenant.id}-1"),
        "no_tags": bounce({}, f"ses-{tenant.id}-1"),
        "opened": said(left[0], "Open", f"ses-{tenant.id}-1"),
    }[change]
    assert tell(world, topic, text).data["status"] == "ignored"
    assert mails(world, tenant) == [("sent", None)]


def test_only_what_aws_signed_for_this_topic_is_believed(
    world: World, topic: Notices, left: list[dict[str, str]]
) -> None:
    tenant = world.tenant()
    mailed(world, tenant)
    text = bounce(left[0], f"ses-{tenant.id}-1")
    good = json.loads(topic.enveloped("id", text, clock.now()))
    forged = [
        topic.enveloped("id", text, clock.now(), forged=True),
        json.dumps(good | {"Message": text.replace("550", "551")}).encode(),
        json.dumps(good | {"SignatureVersion": "1"}).encode(),
        json.dumps(good | {"Signature": "no base64!"}).encode(),
        json.dumps(good | {"SigningCertURL": "https://sns.s3.amazonaws.com/SimpleNotificationService-a.pem"}).encode(),
        json.dumps(good | {"SigningCertURL": f"{BASE}/../SimpleNotificationService-local.pem"}).encode(),
        Notices(BASE, TOPIC).enveloped("id", text, clock.now()),
        Notices(BASE, f"{TOPIC}-of-somebody").enveloped("id", text, clock.now()),
    ]
    assert [told(world, body).status for body in forged] == [401] * len(forged)
    assert [told(world, body).data["status"] for body in (b"no json", b"[]", b'{"Type": "Else"}')] == ["ignored"] * 3
    with world.setting(mail_events_topic_arn=""):
        assert told(world, json.dumps(good).encode()).status == 401
    assert mails(world, tenant) == [("sent", None)]


def test_on_a_deployed_stage_the_certificate_is_amazon_s(topic: Notices) -> None:
    assert sns.Topic(TOPIC).origin == "https://sns.ap-south-1.amazonaws.com"


def test_a_subscription_of_our_topic_is_taken_up(world: World, topic: Notices) -> None:
    for url, status in ((f"{BASE}/confirm?Token=t", 200), ("https://elsewhere.example/confirm", 401)):
        body = topic.enveloped("id", "please", clock.now(), kind=sns.SUBSCRIPTION, SubscribeURL=url, Token="t")
        assert told(world, body).status == status


def test_what_came_while_the_cell_was_away_is_told_later(
    world: World, topic: Notices, left: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = world.tenant()
    mailed(world, tenant)
    with monkeypatch.context() as away:
        away.setattr("studyspot.messaging.queries.mail_address", lambda *_: 1 / 0)
        assert tell(world, topic, bounce(left[0], f"ses-{tenant.id}-1")).data["status"] == "accepted"
    assert mails(world, tenant) == [("sent", None)]
    minute(world)
    assert mails(world, tenant) == [("failed", "bounced_general")]


def test_a_mail_whose_answer_was_lost_is_found_by_its_tags(world: World, topic: Notices) -> None:
    tenant = world.tenant()
    with world.db(tenant.id) as db, db.transaction():
        service.mail(db, "password_reset", TO, {"name": "Owner", "token": "t"})
    with world.db(tenant.id) as db:
        message: UUID = db.value("UPDATE communications SET status = 'unknown' RETURNING id")
        db.commit()
    tags = {"tenant": str(tenant.id), "message": str(message)}
    assert tell(world, topic, said(tags, "Delivery", "ses-1")).data["status"] == "accepted"
    assert mails(world, tenant) == [("delivered", None)]
