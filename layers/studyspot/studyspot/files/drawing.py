"""The smaller pictures of an image: WebP, upright, without what the camera wrote about place and device."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO

WIDTHS = (320, 1280)
MOST_PIXELS = 50_000_000
"""A file of a few kilobytes can unpack to gigabytes; no camera of a phone makes more than this."""
QUALITY = 80


class NotDrawable(Exception):
    """It begins like an image and is none, or one too large to unpack."""


def smaller(original: BinaryIO) -> dict[int, bytes]:
    """By the width it fits into; never larger than the original."""
    from PIL import Image, ImageOps  # in the images layer, which only the function that draws has

    Image.MAX_IMAGE_PIXELS = None  # the size is judged below, before anything is unpacked
    try:
        with Image.open(BytesIO(original.read()), formats=("JPEG", "PNG", "WEBP")) as image:
            if image.width * image.height > MOST_PIXELS:
                raise NotDrawable(f"{image.width} x {image.height} pixels")
            image.draft("RGB", (max(WIDTHS), max(WIDTHS)))
            upright = ImageOps.exif_transpose(image)
            plain = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except (OSError, SyntaxError, ValueError, ZeroDivisionError) as fault:
        raise NotDrawable(str(fault)) from fault
    return {width: _fitted(plain, width) for width in WIDTHS}


def _fitted(image: object, width: int) -> bytes:
    from PIL import Image

    assert isinstance(image, Image.Image), "only `smaller` calls this"
    part = image.copy()
    part.thumbnail((width, width * 4))
    out = BytesIO()
    part.save(out, "WEBP", quality=QUALITY)
    return out.getvalue()
