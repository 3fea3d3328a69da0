"""What the functions call: the use cases, each in a module of its own."""

from __future__ import annotations

from studyspot.desk.claims import claim, decide, listed, take_statement
from studyspot.desk.counter import record, void
from studyspot.desk.links import cancel, make, page
from studyspot.desk.links import pay as pay_link
from studyspot.desk.upi import pay

__all__ = ["cancel", "claim", "decide", "listed", "make", "page", "pay", "pay_link", "record", "take_statement", "void"]
