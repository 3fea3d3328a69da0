"""The mails of the product: subject and text by name, links built on the stage's own address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studyspot.kit import settings
from studyspot.messaging.sealing import MASK

SECRETS = ("token",)


@dataclass(frozen=True)
class Mail:
    """`{link}` stands for `path` with the token; `{names}` for the variables given."""

    subject: str
    text: str
    path: str = ""


MAILS = {
    "email_verification": Mail(
        "Confirm your e-mail address",
        "Please confirm your e-mail address:\n{link}\n\nIf you did not sign up at StudySpot, ignore this mail.",
        "/verify-email",
    ),
    "password_reset": Mail(
        "Choose a new password",
        "You can choose a new password here within one hour:\n{link}\n\nIf you did not ask for this, ignore this mail.",
        "/reset-password",
    ),
    "password_changed": Mail(
        "Your password was changed",
        "The password of your account was changed and all other devices were signed out. If this was not you, reset it "
        "at once.",
    ),
    "session_reused": Mail(
        "Somebody may have used your session",
        "A sign-in of your account from {device} was used a second time with a key that had been replaced. We have "
        "ended that session; others go on. If you do not know why, choose a new password: that ends all of them.",
    ),
    "invitation": Mail(
        "You are invited to StudySpot",
        "You were invited to work with {tenant} at StudySpot. Set your password here:\n{link}",
        "/accept-invitation",
    ),
    "signup_confirm": Mail(
        "Confirm your sign-up",
        "Dear {name},\n\nplease confirm that you want to bring {tenant} to StudySpot, and choose a password:\n{link}\n"
        "\nIf you did not sign up at StudySpot, ignore this mail.",
        "/signup/confirm",
    ),
    "account_exists": Mail(
        "You already have an account",
        "Somebody tried to sign up with your address. You can sign in as before, or reset your password.",
    ),
    "tenant_ready": Mail("Your library is ready", "{tenant} is ready at StudySpot. Sign in to add seats and students."),
    "pre_debit_notice": Mail(
        "Upcoming debit of Rs {amount}",
        "Dear {name},\n\non {date} we will debit Rs {amount} for your StudySpot plan {plan} under your mandate "
        "(reference {reference}). To stop it, cancel the mandate in your account before then.",
    ),
    "mandate_notice": Mail(
        "Upcoming debit of Rs {amount}",
        "Dear {name},\n\non {date} Rs {amount} will be debited for {what} at {library} under your mandate (reference "
        "{reference}). This costs you nothing. To stop it, pause or revoke the mandate in your account before then.",
    ),
    "mandate_debited": Mail(
        "Rs {amount} were debited",
        "Dear {name},\n\nRs {amount} were debited on {date} for {what} at {library} under your mandate (reference "
        "{reference}). If that is wrong, tell your library; what it does not settle you can take to your bank.",
    ),
    "offboarding": Mail(
        "{tenant} is leaving StudySpot",
        "{tenant} will be removed from StudySpot on {date}. Until then everything can be read, nothing can be changed, "
        "and the organisation can be restored: write to us. An export of all data is being made; you find its link in "
        "your account.\n\nAfter that day the data cannot be brought back. What the law obliges us to keep (invoices "
        "and books, for {years} years) is kept without the names of people.",
    ),
    "offboarding_ended": Mail("{tenant} stays at StudySpot", "{tenant} was restored. Everything works as before."),
    "renewal_failed": Mail(
        "Your StudySpot plan could not be renewed",
        "Dear {name},\n\nwe could not collect the price of your plan {plan}. Please pay in your account to "
        "keep it running.",
    ),
    "invoice": Mail(
        "Your bill {number} from {library}",
        "Dear {name},\n\n{library} has billed you Rs {amount} under the number {number}. You find the document in your "
        "account; whether it is genuine is told here:\n{link}",
        "/invoices/verify",
    ),
    "wallet_low": Mail(
        "{tenant} is running low on credits",
        "{tenant} has {balance} {kind} credits left, fewer than {threshold}. When they are used up, messages to your "
        "students are not sent any more; codes for signing in always are. Buy more in your account.",
    ),
    "webhook_disabled": Mail(
        "Your webhook was switched off",
        "{url} has not accepted anything since {since}, so we stopped sending to it. What could not be delivered is "
        "kept: switch the endpoint on again and replay it.",
    ),
}


class _Named(dict[str, str]):
    """A variable nobody gave reads as a dash rather than failing a mail."""

    def __missing__(self, name: str) -> str:
        return "-"


def compose(template: str, variables: Mapping[str, str]) -> tuple[str, str]:
    """Subject and text."""
    mail = MAILS[template]
    token = variables.get("token", "")
    base = settings.get().public_base_url.rstrip("/")
    known = _Named(
        {k: " ".join(v.split()) for k, v in variables.items()} | {"link": f"{base}{mail.path}?token={token}"}
    )
    return mail.subject.format_map(known), mail.text.format_map(known)


def shown(template: str, variables: Mapping[str, str]) -> str:
    """The text as the log may show it."""
    return compose(template, {**variables, **{name: MASK for name in SECRETS if name in variables}})[1]
