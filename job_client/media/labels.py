"""Labels as small images, each drawn once and then pasted: text on a screen stays for many frames."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import supervision as sv

from job_client.media.fonts import FontFile, load_font, packaged_fonts, suitable_font
from shared.video.frame import Image

__all__ = ["PALETTE", "TEXT_COLOR", "Labels"]

PALETTE = sv.ColorPalette([*sv.ColorPalette.DEFAULT.colors, sv.Color.from_hex("#00695c")])
TEXT_COLOR = len(PALETTE.colors) - 1
"""Place in the palette of the colour of text; the ones before are those of classes."""

MAX_TILES = 4096
MAX_CHARACTERS = 200
"""How much of a line is shown: more is wider than any image."""

_BRIGHT = 140
"""Luma (ITU-R BT.601) from which on black is easier to read on a colour than white."""

_NOTHING = (1, 2, 3)
"""Colour of the pixels around a label; not in the palette."""


def _is_bright(color: sv.Color) -> bool:
    return 0.299 * color.r + 0.587 * color.g + 0.114 * color.b > _BRIGHT


_ON_PALETTE = sv.ColorPalette([sv.Color.BLACK if _is_bright(color) else sv.Color.WHITE for color in PALETTE.colors])


class Labels:
    """Pastes labels into images.

    Args:
        font_pixels: Height of the text in pixels.
        fonts: More fonts, preferred to the packaged ones.
    """

    def __init__(self, font_pixels: int, fonts: Sequence[FontFile] = ()) -> None:
        self._font_pixels = font_pixels
        self._fonts = (*fonts, *packaged_fonts())
        self._annotators: dict[FontFile, sv.RichLabelAnnotator] = {}
        self._cached_tile = lru_cache(MAX_TILES)(self._draw_tile)

    def paste(self, image: Image, text: str, color: int, corner: Sequence[float]) -> None:
        """Paste a label above a corner, or as near to it as the image allows.

        Args:
            image: `(H, W, 3)` uint8 BGR; changed in place.
            text: What the label says.
            color: Its place in the palette.
            corner: The top left corner of what is labelled.
        """
        height, width = image.shape[:2]
        tile = self.tile(text, color)[:height, :width]
        tile_height, tile_width = tile.shape[:2]
        left = min(max(int(corner[0]), 0), width - tile_width)
        top = min(max(int(corner[1]) - tile_height, 0), height - tile_height)
        image[top : top + tile_height, left : left + tile_width] = tile

    def tile(self, text: str, color: int) -> Image:
        """Return the label alone, an image `(H, W, 3)` uint8 BGR.

        Args:
            text: What the label says.
            color: Its place in the palette.
        """
        return self._cached_tile(text[:MAX_CHARACTERS], color)

    def _draw_tile(self, text: str, color: int) -> Image:
        annotator = self._annotator(suitable_font(text, self._fonts))
        height, width = self._font_pixels * 3, self._font_pixels * (2 * len(text) + 4)
        canvas = np.full((height, width, 3), _NOTHING, np.uint8)
        below = np.array([[0, height - 1, 1, height]], dtype=np.float32)
        annotator.annotate(canvas, sv.Detections(xyxy=below), [text], np.array([color]))
        drawn = (canvas != _NOTHING).any(axis=2)
        rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
        return canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()

    def _annotator(self, font: FontFile) -> sv.RichLabelAnnotator:
        if font not in self._annotators:
            padding = max(2, self._font_pixels // 5)
            annotator = sv.RichLabelAnnotator(
                color=PALETTE, text_color=_ON_PALETTE, font_size=self._font_pixels, text_padding=padding
            )
            annotator.font = load_font(font, self._font_pixels)  # the library itself knows no weights
            self._annotators[font] = annotator
        return self._annotators[font]
