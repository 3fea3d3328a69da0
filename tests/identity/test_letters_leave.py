"""What identity says by mail leaves through SES: the right letter to the right address, once, and its link works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from moto import mock_aws
from studyspot.gateways import ses
from studyspot.kit.ids import PLATFORM

from tests.identity.people import PASSWORD, owner_with_password, sign_in
from tests.identity.test_links import address, post, register
from tests.world import Answer, World

SENDER = "no-reply@studyspot.test"


class Post:
    """SES as moto stands in for it, and the consumer that fetches what is to be sent."""

    def __init__(self, world: World, backend: Any) -> None:
        self.world = world
        self._backend = backend

    def carry(self, tenant: UUID, times: int = 1) -> list[Any]:
        """What left when the queue delivered everything of this tenant (as often as said)."""
        before = len(self._backend.sent_messages)
        for command in self.world.outbox(tenant, "email"):
            for _ in range(times):
                assert self.world.deliver("email_sender", command)["batchItemFailures"] == []
        return list(self._backend.sent_messages[before:])


@pytest.fixture
def mail(world: World) -> Iterator[Post]:
    import boto3
    from moto.ses.models import ses_backends

    ses._client.cache_clear()
    with mock_aws(), world.setting(mail_from=SENDER):
        boto3.client("sesv2").create_email_identity(EmailIdentity=SENDER)
        yield Post(world, ses_backends["123456789012"]["ap-south-1"])
        ses._client().close()
    ses._client.cache_clear()


def said(message: Any) -> tuple[list[str], str, str]:
    return message.destinations["ToAddresses"], message.subject, str(message.body)


def token_in(text: str) -> str:
    return text.partition("token=")[2].split()[0]


def accepted(answer: Answer) -> Answer:
    assert answer.status < 300, answer.json
    return answer


def test_the_letter_that_proves_an_address_leaves_once_and_its_link_works(world: World, mail: Post) -> None:
    email = address()
    accepted(register(world, email))
    (letter,) = mail.carry(PLATFORM, times=3)
    to, subject, text = said(letter)
    assert (to, subject, letter.source) == ([email], "Confirm your e-mail address", SENDER)
    assert "/verify-email?token=" in text
    assert post(world, "verify-email", {"token": token_in(text)}).data["emailVerified"] is True
    assert mail.carry(PLATFORM) == []


def test_a_reset_leaves_for_whom_we_know_and_nothing_for_nobody(world: World, mail: Post) -> None:
    email, nobody = owner_with_password(world.tenant()), address()
    for one in (email, nobody):
        accepted(post(world, "forgot-password", {"email": one}))
    (letter,) = mail.carry(PLATFORM)
    to, subject, text = said(letter)
    assert (to, subject) == ([email], "Choose a new password")
    accepted(post(world, "reset-password", {"token": token_in(text), "password": "another quiet room"}))
    (told,) = mail.carry(PLATFORM)
    assert said(told)[:2] == ([email], "Your password was changed")
    assert sign_in(world, email, "another quiet room").status == 200


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_an_invitation_leaves_from_its_organisation_and_its_link_joins(
    world: World, mail: Post, isolation: str
) -> None:
    tenant, email = world.tenant(isolation), address()
    accepted(post(world, "invitations", {"email": email, "name": "New"}, tenant.owner))
    (letter,) = mail.carry(tenant.id)
    to, subject, text = said(letter)
    assert (to, subject) == ([email], "You are invited to StudySpot")
    assert f"Library {tenant.slug}" in text
    joined = post(world, f"invitations/{token_in(text)}/accept", {"password": PASSWORD})
    assert joined.data["user"]["tenantId"] == str(tenant.id)
    with world.db(tenant.id) as db:
        kept = str(db.dicts("SELECT * FROM communications")) + str(db.dicts("SELECT * FROM outbox"))
    assert token_in(text) not in kept, "what has left is forgotten"


def test_a_changed_password_and_a_session_used_by_two_are_told(world: World, mail: Post) -> None:
    from datetime import timedelta

    tenant = world.tenant()
    email = owner_with_password(tenant)
    pair = sign_in(world, email).data
    change = {"currentPassword": PASSWORD, "newPassword": "another quiet room"}
    accepted(post(world, "password/change", change, pair["accessToken"]))
    again = {"refreshToken": pair["refreshToken"]}
    accepted(post(world, "refresh", again))
    world.advance(timedelta(seconds=31))
    assert post(world, "refresh", again).code == "refresh_reused"
    subjects = [said(letter)[1] for letter in mail.carry(tenant.id)]
    assert subjects == ["Your password was changed", "Somebody may have used your session"]
