"""Students as they are, as they are asked for, and what can be wrong with them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from studyspot.kit import clock
from studyspot.kit.errors import Conflict, Forbidden, RuleViolated
from studyspot.kit.models import Change, Email, Model, Name, Phone, Text, Timestamp

Status = Literal["enquiry", "active", "expired", "inactive", "suspended", "blacklisted", "archived"]
Gender = Literal["male", "female", "other"]
IdProof = Literal["aadhaar", "pan", "voter_id", "driving_licence", "passport", "college_id", "other"]
OLDEST = date(1900, 1, 1)


def _born(value: date) -> date:
    if not OLDEST <= value <= clock.now().date():
        raise ValueError("not a date of birth")
    return value


def _calendar_day(value: Any) -> Any:
    if not isinstance(value, str | date):
        raise ValueError("expected a date as YYYY-MM-DD")
    return value


def _masked(stored: str | None) -> str | None:
    """Stored is `<ciphertext>:<last four>`; only the last four are for reading."""
    return None if stored is None else f"XXXX{stored.rpartition(':')[2]}"


BirthDate = Annotated[date, BeforeValidator(_calendar_day), AfterValidator(_born)]
Pincode = Annotated[str, Field(pattern=r"^[1-9][0-9]{5}$")]
Link = Annotated[str, Field(max_length=500, pattern=r"^https://[^\s]+$")]
IdNumber = Annotated[str, Field(min_length=4, max_length=40, pattern=r"^[A-Za-z0-9 /-]+$")]


class ThisDay(BaseModel):
    """The day it is where the tenant is."""

    began: Timestamp
    today: date


class Student(Model):
    """A student (founding columns)."""

    id: UUID
    user_id: UUID | None
    library_id: UUID | None
    student_code: str
    first_name: str
    last_name: str | None
    email: str | None
    phone: str
    alternate_phone: str | None
    gender: Gender | None
    date_of_birth: date | None
    address: str | None
    city: str | None
    state: str | None
    pincode: str | None
    guardian_name: str | None
    guardian_phone: str | None
    id_proof_type: str | None
    id_proof_number: Annotated[str | None, BeforeValidator(_masked)]
    photo_url: str | None
    exam_target: str | None
    fee_plan_id: UUID | None
    seat_id: UUID | None
    membership_start: date | None
    membership_end: date | None
    status: Status
    notes: str | None
    created_at: Timestamp
    updated_at: Timestamp
    tags: list[str]
    merged_into: UUID | None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name or ''}".strip()


class StudentFacts(Model):
    """What is optional about a student."""

    last_name: Name | None = None
    email: Email | None = None
    library_id: UUID | None = None
    alternate_phone: Phone | None = None
    gender: Gender | None = None
    date_of_birth: BirthDate | None = None
    address: Text | None = None
    city: Name | None = None
    state: Name | None = None
    pincode: Pincode | None = None
    guardian_name: Name | None = None
    guardian_phone: Phone | None = None
    id_proof_type: IdProof | None = None
    id_proof_number: IdNumber | None = None
    photo_url: Link | None = None
    exam_target: Name | None = None
    notes: Text | None = None


class GuardianConsent(Model):
    """What a parent or guardian agreed to, and how that was shown."""

    name: Name
    phone: Phone | None = None
    method: Literal["paper", "otp", "digilocker"] = "paper"


class StudentRequest(StudentFacts):
    """A new student."""

    first_name: Name
    phone: Phone
    status: Literal["active", "enquiry"] = "active"
    guardian_consent: GuardianConsent | None = None


class StudentChange(StudentFacts, Change):
    """What may change about a student."""

    first_name: Name = ""
    phone: Phone = ""


OWN_FIELDS = frozenset(
    {
        "email", "alternate_phone", "gender", "address", "city", "state", "pincode", "guardian_name", "guardian_phone",
        "photo_url", "exam_target",
    }
)  # fmt: skip
"""What students may change about themselves."""


class Suspension(Model):
    """Why a student is suspended."""

    reason: Text


class ConsentRule(BaseModel):
    """From when on a student below that age needs a guardian's consent (a dated statutory figure)."""

    valid_from: date
    below_age: int

    def in_force(self, today: date) -> bool:
        return self.valid_from <= today

    def minor(self, born: date, today: date) -> bool:
        had_birthday = (today.month, today.day) >= (born.month, born.day)
        return today.year - born.year - (not had_birthday) < self.below_age


class PhoneExists(Conflict):
    """Another student has this phone number."""

    code = "phone_exists"


class StudentSuspended(Forbidden):
    """This student is suspended."""

    code = "student_suspended"


class StudentNotActive(Conflict):
    """This student is no longer with the library."""

    code = "student_not_active"


class GuardianConsentRequired(RuleViolated):
    """A student under age needs a guardian's consent on record."""

    code = "guardian_consent_required"
