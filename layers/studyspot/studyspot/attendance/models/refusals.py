"""What the door says no with, each with its reason."""

from __future__ import annotations

from studyspot.kit.errors import Conflict, Forbidden, Gone, RuleViolated


class QrInvalid(RuleViolated):
    """This is not a code of this library."""

    code = "qr_invalid"


class QrExpired(Gone):
    """This code has expired; scan the one shown now."""

    code = "qr_expired"


class QrReplayed(Conflict):
    """This code was used already."""

    code = "qr_replayed"


class AlreadyInside(Conflict):
    """The student is inside already."""

    code = "already_inside"


class NotInside(Conflict):
    """The student is not inside."""

    code = "not_inside"


class VisitOverlaps(Conflict):
    """The student has another visit in that time."""

    code = "visit_overlaps"


class CheckInWindow(RuleViolated):
    """The booking's check-in is not open at this time."""

    code = "checkin_window"


class Denied(Forbidden):
    """Entry is denied."""

    code = "entry_denied"


class StudentSuspended(Denied):
    """This student is suspended."""

    code = "student_suspended"


class WrongLibrary(Denied):
    """The booking is for another library."""

    code = "wrong_library"


class WrongShift(Denied):
    """The membership is for another shift."""

    code = "wrong_shift"


class MembershipExpired(Denied):
    """The membership has expired."""

    code = "membership_expired"


class TooEarly(Denied):
    """The booking's time has not come yet."""

    code = "too_early"


class MembershipFrozen(Denied):
    """The membership is paused."""

    code = "membership_frozen"


class DuesOverdue(Denied):
    """Dues have been open for too long; settle them at the desk."""

    code = "dues_overdue"


class Geofence(Denied):
    """The phone is not at the library."""

    code = "geofence"


class PhoneOfAnother(Denied):
    """This phone was used by another student a short while ago, or does not say which one it is."""

    code = "phone_of_another"


class CapacityFull(Denied):
    """Every place is taken."""

    status, code = 409, "capacity_full"


class NoBooking(Denied):
    """There is neither a booking nor a membership for this time."""

    code = "no_booking"
