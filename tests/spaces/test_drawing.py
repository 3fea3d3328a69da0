"""The picture of a plan is read aloud, told without colour, seen by day and by night, and brings nothing along."""

from __future__ import annotations

import re
from collections import Counter
from typing import get_args
from xml.etree import ElementTree as ET

import pytest
from studyspot.spaces import drawing
from studyspot.spaces.drawing import PALETTES, SAID, SHAPES, WORDS, Theme
from studyspot.spaces.models.seatmap import STATUSES, Label

from local import drawings
from tests.world import ROOT

SVG = "{http://www.w3.org/2000/svg}"
THEMES = get_args(Theme)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def test_the_measure_of_contrast_is_that_of_wcag() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21.0
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48


@pytest.mark.parametrize("theme", THEMES)
def test_text_is_legible_and_edges_are_seen_in_every_theme(theme: Theme) -> None:
    """AA: 4.5 for text, 3 for what shows a state (1.4.3 and 1.4.11)."""
    palette = PALETTES[theme]
    assert contrast(palette.ink, palette.paper) >= 4.5
    assert contrast(palette.wall, palette.paper) >= 3
    for status, look in palette.looks.items():
        assert contrast(look.ink, look.back) >= 4.5, (theme, status)
        assert contrast(look.edge, palette.paper) >= 3, (theme, status)


def test_every_status_has_a_shape_and_a_word_of_its_own() -> None:
    for told in (SHAPES, WORDS, SAID):
        assert set(told) == set(STATUSES)
        assert len(set(told.values())) == len(STATUSES)


def test_in_mono_there_is_no_colour_at_all() -> None:
    drawn = drawing.drawn(drawings.library(), "mono")
    assert set(re.findall(r"#[0-9a-f]{3,6}", drawn)) == {"#000000", "#ffffff"}


@pytest.mark.parametrize("theme", THEMES)
def test_every_seat_is_a_picture_with_title_and_description_in_a_group_that_is_read(theme: Theme) -> None:
    found = drawings.library()
    root = ET.fromstring(drawing.drawn(found, theme))
    assert (root.get("role"), root.get("aria-labelledby")) == ("group", "map-title map-desc")
    named = {element.get("id"): element.text for element in root}
    assert named["map-title"] == "Seats of Station Road"
    assert named["map-desc"] == "3 of 15 seats are free, as of 2026-12-01 04:30 UTC"
    seats = [group for group in root.iter(f"{SVG}g") if group.get("data-status")]
    assert Counter(group.get("data-status") for group in seats) == Counter(s.status for s in found.seats)
    for group in seats:
        assert group.get("role") == "img"
        title, desc = group.findtext(f"{SVG}title"), group.findtext(f"{SVG}desc")
        assert title == group.get("aria-label")
        assert desc and desc.startswith("Zone ")
        words = [text.text for text in group.iter(f"{SVG}text")]
        assert words[1] in {*WORDS.values(), "yours"}


def test_it_brings_nothing_along_and_nothing_of_ours_is_markup() -> None:
    found = drawings.library()
    evil = "<script>\"'&</script>"
    seat = found.seats[0].model_copy(update={"code": evil, "zone": evil, "attributes": [evil]})
    drawn = drawing.drawn(
        found.model_copy(update={"name": evil, "seats": [seat], "labels": [Label(x=0, y=0, text=evil)]}), "light"
    )
    names = {element.tag.removeprefix(SVG) for element in ET.fromstring(drawn).iter()}
    assert names == {"svg", "title", "desc", "rect", "text", "g", "line", "circle", "path"}
    assert "href" not in drawn
    assert "style" not in drawn


@pytest.mark.parametrize("name", sorted(drawings.pictures()))
def test_the_pictures_in_the_documentation_are_the_ones_that_are_drawn(name: str) -> None:
    """`make drawings` draws them anew."""
    assert (ROOT / "docs" / name).read_text() == drawings.pictures()[name]
