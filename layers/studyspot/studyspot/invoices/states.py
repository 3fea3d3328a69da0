"""States and union territories by their GST code, and the one that a person wrote down."""

from __future__ import annotations

import re

STATES = {
    "01": "Jammu and Kashmir", "02": "Himachal Pradesh", "03": "Punjab", "04": "Chandigarh", "05": "Uttarakhand",
    "06": "Haryana", "07": "Delhi", "08": "Rajasthan", "09": "Uttar Pradesh", "10": "Bihar", "11": "Sikkim",
    "12": "Arunachal Pradesh", "13": "Nagaland", "14": "Manipur", "15": "Mizoram", "16": "Tripura", "17": "Meghalaya",
    "18": "Assam", "19": "West Bengal", "20": "Jharkhand", "21": "Odisha", "22": "Chhattisgarh",
    "23": "Madhya Pradesh", "24": "Gujarat", "26": "Dadra and Nagar Haveli and Daman and Diu", "27": "Maharashtra",
    "29": "Karnataka", "30": "Goa", "31": "Lakshadweep", "32": "Kerala", "33": "Tamil Nadu", "34": "Puducherry",
    "35": "Andaman and Nicobar Islands", "36": "Telangana", "37": "Andhra Pradesh", "38": "Ladakh",
    "97": "Other Territory",
}  # fmt: skip
ALSO = {"orissa": "21", "uttaranchal": "05", "pondicherry": "34", "newdelhi": "07", "nctofdelhi": "07",
        "chattisgarh": "22", "tamilnadu": "33", "jammukashmir": "01", "damananddiu": "26",
        "dadraandnagarhaveli": "26"}  # fmt: skip
"""Names that are written as well."""
WITHOUT_LEGISLATURE = frozenset({"04", "26", "31", "35", "38", "97"})
"""Where the second half is the union territory's tax (UTGST Act)."""


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


BY_NAME = {_plain(name): code for code, name in STATES.items()} | ALSO


def code_of(name: str | None) -> str | None:
    """The code of a state as somebody wrote it; None for what is no state."""
    return BY_NAME.get(_plain(name or ""))
