"""Labels as small images, each drawn once and then pasted: text on a screen stays for many frames."""

from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np
import PIL.Image
from PIL import ImageColor, ImageDraw

from job_client.media.fonts import PACKAGED_FONTS, FontFile, load_font, suitable_font
from job_client.media.placement import Placement
from shared.process.escaping import terminal_text
from shared.results import Box, one_line
from shared.video.image import Image

PALETTE = tuple(map(ImageColor.getrgb, (
    "#a351fb", "#ff4040", "#ffa1a0", "#ff7633", "#ffb633", "#d1d435", "#4cfb12", "#94cf1a", "#40de8a", "#1b9640",
    "#00d6c1", "#2e9caa", "#00c4ff", "#364797", "#6675ff", "#0019ef", "#863aff", "#530087", "#cd3aff", "#ff97ca",
    "#ff39c9", "#00695c",
)))  # fmt: skip
"""Colours as RGB."""
TEXT_COLOR = len(PALETTE) - 1
"""Place in the palette of the colour of text; the ones before are those of classes."""

MAX_TILES = 4096
MAX_CHARACTERS = 200
"""How much of a line is shown: more is wider than any image."""

_BRIGHT = 140
"""Luma (ITU-R BT.601) from which on black is easier to read on a colour than white."""


class Labels:
    """The labels of a video, pasted into its images.

    Args:
        font_pixels: Height of the text in pixels.
        fonts: More fonts, preferred to the packaged ones.
    """

    def __init__(self, font_pixels: int, fonts: Sequence[FontFile] = ()) -> None:
        self._font_pixels = font_pixels
        self._fonts = (*fonts, *PACKAGED_FONTS)
        self._font = cache(lambda font: load_font(font, font_pixels))
        self._cached_tile = lru_cache(MAX_TILES)(self._draw_tile)

    def paste(self, image: Image, text: str, color: int, box: Box, placement: Placement) -> None:
        """Paste a label near what it names, unless there is no place for it.

        Args:
            image: `(H, W, 3)` uint8 BGR; changed in place.
            text: What the label says.
            color: Its place in the palette.
            box: What is labelled.
            placement: The places of the image.
        """
        height, width = image.shape[:2]
        tile = self.tile(text, color)[:height, :width]
        tile_height, tile_width = tile.shape[:2]
        if corner := placement.place(tile_width, tile_height, box):
            left, top = corner
            image[top : top + tile_height, left : left + tile_width] = tile

    def tile(self, text: str, color: int) -> Image:
        """Return the label alone, an image `(H, W, 3)` uint8 BGR.

        Args:
            text: What the label says.
            color: Its place in the palette.
        """
        return self._cached_tile(text[:MAX_CHARACTERS], color)

    def _draw_tile(self, text: str, color: int) -> Image:
        text = terminal_text(one_line(text))  # PIL measures no text of several lines
        font = self._font(suitable_font(text, self._fonts))
        ground, padding = PALETTE[color], max(2, self._font_pixels // 5)
        left, top, right, bottom = map(round, font.getbbox(text))
        tile = PIL.Image.new("RGB", (right - left + 2 * padding, bottom - top + 2 * padding), ground)
        luma = np.dot((0.299, 0.587, 0.114), ground)
        ink = "black" if luma > _BRIGHT else "white"
        ImageDraw.Draw(tile).text((padding - left, padding - top), text, ink, font)
        return np.asarray(tile)[..., ::-1].copy()
