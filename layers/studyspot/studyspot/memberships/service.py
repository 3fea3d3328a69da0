"""What owners sell and students join, and what others may ask: what does it cost, is this student a member?"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from studyspot.invoices.models.documents import DEPOSIT
from studyspot.kit import audit, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound, RuleViolated, VersionConflict
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.response import etag_of
from studyspot.libraries import service as libraries
from studyspot.memberships import couponing, dues, pricing, queries, seating
from studyspot.memberships.models import (
    Enrolment,
    FeePlan,
    FeePlanChange,
    FeePlanHistory,
    FeePlanRequest,
    LibraryHasActiveMembers,
    Membership,
    MembershipRequired,
    PlanArchived,
    PlanNotOffered,
    Quote,
    QuoteLine,
    QuoteRequest,
)
from studyspot.memberships.queries import money, offers
from studyspot.policies import service as policies
from studyspot.students import service as students
from studyspot.students.models import Churn

CHURN_DAYS = 30


def plans(
    db: Db, actor: Actor, paging: Paging, library_id: UUID | None, kind: str | None, status: str | None
) -> Page[FeePlan]:
    """Students see what is on public offer, staff every plan."""
    return paging.page(offers.plans(db, paging, actor.user_type == "student", library_id, kind, status))


def plan(db: Db, actor: Actor, plan_id: UUID) -> FeePlanHistory:
    """A plan with all its versions; to students a private one does not exist."""
    found = offers.plan(db, plan_id)
    if not found.is_public and actor.user_type == "student":
        raise NotFound
    return _history(db, found)


def create_plan(db: Db, asked: FeePlanRequest) -> FeePlan:
    """A plan with its first version."""
    with db.transaction():
        plan_id = offers.add_plan(db, asked.kind, asked.is_public)
        usual = policies.policies(db).fees.model_dump(exclude=asked.model_fields_set)
        offers.add_version(db, plan_id, 1, asked.model_dump() | usual)
        _offer_in(db, plan_id, asked.library_ids)
        if asked.price_classes:
            offers.set_classes(db, plan_id, asked.price_classes)
        made = offers.plan(db, plan_id)
        audit.note(db, "fee_plans.create", "fee-plans", plan_id, after=made.model_dump())
    return made


def change_plan(db: Db, plan_id: UUID, asked: FeePlanChange, if_match: str | None) -> FeePlan:
    """New terms are a new version; what is already bought keeps its own."""
    with db.transaction():
        before = _locked(db, plan_id)
        if if_match and if_match != etag_of(_history(db, before)):
            raise VersionConflict
        if before.status == "archived":
            raise PlanArchived
        wanted = before.model_dump() | asked.changes()
        version = before.version
        if any(wanted[term] != getattr(before, term) for term in offers.TERMS):
            version += 1
            offers.add_version(db, plan_id, version, wanted)
        if wanted["library_ids"] != before.library_ids:
            _offer_in(db, plan_id, wanted["library_ids"])
        if wanted["price_classes"] != before.price_classes:
            offers.set_classes(db, plan_id, wanted["price_classes"])
        offers.turn_plan(db, plan_id, version, wanted["is_public"], before.status)
        after = offers.plan(db, plan_id)
        audit.note(db, "fee_plans.update", "fee-plans", plan_id, before=before.model_dump(), after=after.model_dump())
    return after


def archive_plan(db: Db, plan_id: UUID) -> None:
    """No longer sold; members keep theirs to the end."""
    with db.transaction():
        before = _locked(db, plan_id)
        if before.status == "archived":
            raise NotFound
        offers.turn_plan(db, plan_id, before.version, before.is_public, "archived")
        audit.note(db, "fee_plans.archive", "fee-plans", plan_id)


def quote(db: Db, plan_id: UUID, asked: QuoteRequest) -> Quote:
    """The price line by line with its tax; nothing is promised or held."""
    sold = sold_here(db, plan_id, asked.library_id)
    if sold.kind == "hourly":
        lines = [_hours(sold, asked)]
        start = end = None
    else:
        start = asked.start_date or queries.today(db)
        end = pricing.period_end(sold.kind, start, sold.validity_days)
        lines = _period(sold)
    return Quote(
        fee_plan_id=sold.id,
        version=sold.version,
        gst_rate=sold.gst_rate,
        start_date=start,
        end_date=end,
        lines=lines,
        amount_paise=sum(line.amount_paise for line in lines),
        gst_paise=sum(line.gst_paise for line in lines),
        total_paise=sum(line.total_paise for line in lines),
    )


def price(
    db: Db, fee_plan_id: UUID, library_id: UUID, start: datetime, end: datetime, student_id: UUID | None = None
) -> int:
    """What a seat costs for that time, in paise with tax; with any but an hourly plan the membership has paid for it.

    Named a student, a plan that is not hourly raises MembershipRequired unless the student is a member.
    """
    sold = sold_here(db, fee_plan_id, library_id)
    if sold.kind == "hourly":
        return pricing.line(sold.name, pricing.by_the_hour(sold.price_paise, start, end), sold).total_paise
    if student_id is not None and not queries.has_live(db, student_id, fee_plan_id, start):
        raise MembershipRequired
    return 0


def has_live(db: Db, student_id: UUID, fee_plan_id: UUID, at: datetime) -> bool:
    """Is the student a member on that plan on the day of `at`?"""
    return queries.has_live(db, student_id, fee_plan_id, at)


def refuse_members(db: Db, library_id: UUID) -> None:
    """LibraryHasActiveMembers while any membership is live; in the transaction that closes the library."""
    count = queries.live_in(db, library_id)
    if count:
        raise LibraryHasActiveMembers(memberships=count)


def memberships(
    db: Db,
    actor: Actor,
    paging: Paging,
    library_id: UUID | None,
    expiring_days: int | None,
    **filters: UUID | str | None,
) -> Page[Membership]:
    """Staff see their libraries' memberships, students their own."""
    if not actor.may("memberships:read"):
        filters["student_id"] = actor.id
    before = queries.today(db) + timedelta(days=expiring_days + 1) if expiring_days is not None else None
    return paging.page(queries.memberships(db, paging, actor.library_ids, library_id, before, **filters))


def membership(db: Db, actor: Actor, membership_id: UUID) -> Membership:
    """One membership; to a student no other's exists."""
    found = queries.membership(db, membership_id)
    actor.own("memberships:read", found.student_id)
    actor.at(found.library_id)
    return found


def locked(db: Db, membership_id: UUID) -> Membership:
    """One change of it at a time; until the caller's transaction ends."""
    return queries.locked(db, membership_id)


def churn(db: Db, library_id: UUID | None) -> Churn:
    """How many of the members of thirty days ago have left."""
    return queries.churn(db, library_id, CHURN_DAYS)


def enrol(db: Db, actor: Actor, asked: Enrolment) -> Membership:
    """A student becomes a member from a day on; the desk settles the money."""
    with db.transaction():
        student = students.active(db, asked.student_id)
        library_id = asked.library_id or student.library_id
        if library_id is None:
            raise Invalid.field("libraryId", "required: the student belongs to no library")
        actor.at(library_id)
        libraries.open_library(db, library_id)
        sold = sold_here(db, asked.fee_plan_id, library_id)
        if sold.kind == "hourly":
            raise RuleViolated("an hourly plan is booked by the hour, nobody is enrolled on it")
        start, end = _days(db, sold, asked.start_date)
        _must_be_there(db, library_id, asked)
        seating.chosen(db, library_id, asked.seat_id, sold)
        made = queries.enrol(
            db,
            student_id=student.id,
            library_id=library_id,
            fee_plan_id=sold.id,
            fee_plan_version=sold.version,
            shift_id=asked.shift_id,
            seat_id=asked.seat_id,
            start_date=start,
            end_date=end,
            price_paise=pricing.line(sold.name, sold.price_paise, sold).total_paise,
            visits_left=sold.visits,
        )
        seating.keep(db, made)
        lines = _period(sold)
        if asked.coupon_code:
            lines.append(couponing.used(db, asked.coupon_code, sold, student.id, made.id))
        period = money.add_period(db, made.id, (start, end), sold, made.price_paise, "live")
        dues.charge(db, made, "enrolment", lines, start, period_id=period.id, deposit_paise=sold.deposit_paise)
        made = queries.membership(db, made.id)
        students.joined(db, student.id, sold.id, start, end)
        outbox.emit(db, "membership.created", made.id, {"studentId": student.id, "feePlanId": sold.id})
        outbox.emit(db, "membership.activated", made.id, {"startDate": start, "endDate": end})
        audit.note(db, "memberships.enrol", "memberships", made.id, after=made.model_dump())
    return made


def _days(db: Db, sold: FeePlan, asked: date | None) -> tuple[date, date]:
    start = asked or queries.today(db)
    if not date(2000, 1, 1) <= start <= date(2100, 1, 1):
        raise Invalid.field("startDate", "not a plausible first day")
    return start, pricing.period_end(sold.kind, start, sold.validity_days)


def _must_be_there(db: Db, library_id: UUID, asked: Enrolment) -> None:
    """The shift is of the library the student joins, or NotFound."""
    if asked.shift_id:
        libraries.shift(db, library_id, asked.shift_id)


def _locked(db: Db, plan_id: UUID) -> FeePlan:
    if not offers.lock_plan(db, plan_id):
        raise NotFound
    return offers.plan(db, plan_id)


def _history(db: Db, plan: FeePlan) -> FeePlanHistory:
    return FeePlanHistory(**plan.model_dump(), versions=offers.versions(db, plan.id))


def _offer_in(db: Db, plan_id: UUID, library_ids: list[UUID]) -> None:
    if not offers.set_libraries(db, plan_id, library_ids):
        raise NotFound("one of libraryIds names no library")


def sold_here(db: Db, plan_id: UUID, library_id: UUID | None) -> FeePlan:
    """The plan, if it is for sale there."""
    found = offers.plan(db, plan_id)
    if found.status == "archived":
        raise PlanArchived
    if library_id and found.library_ids and library_id not in found.library_ids:
        raise PlanNotOffered
    return found


def _hours(sold: FeePlan, asked: QuoteRequest) -> QuoteLine:
    if asked.start_at is None or asked.end_at is None or asked.end_at <= asked.start_at:
        raise Invalid.field("endAt", "an hourly plan is quoted from startAt to a later endAt")
    return pricing.line(sold.name, pricing.by_the_hour(sold.price_paise, asked.start_at, asked.end_at), sold)


def _period(sold: FeePlan) -> list[QuoteLine]:
    lines = [pricing.line(sold.name, sold.price_paise, sold)]
    if sold.registration_fee_paise:
        lines.append(pricing.line("Registration", sold.registration_fee_paise, sold))
    if sold.deposit_paise:
        lines.append(pricing.untaxed(DEPOSIT, sold.deposit_paise))
    return lines
