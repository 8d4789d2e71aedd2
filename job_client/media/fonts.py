"""Fonts from packages, so that text looks the same on every host, chosen by the characters of the text."""

from contextlib import suppress
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from fontTools.ttLib import TTFont, TTLibError
from PIL import ImageFont

from job_client.errors import UnsuitableFont

REGULAR_WEIGHT = 400

_PACKAGED = (
    ("justmytype_intl_cjk", "fonts/ofl/notosanssc/NotoSansSC[wght].ttf"),  # Latin, Greek, Cyrillic, Chinese, Japanese
    ("justmytype_intl_cjk", "fonts/ofl/notosanskr/NotoSansKR[wght].ttf"),  # Korean
    ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf"),  # Arabic, Hebrew, Armenian, Georgian
)


class FontFile:
    """A font file.

    Args:
        path: The file; it is read when its characters are first used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def characters(self) -> frozenset[int]:
        """The code points that it has.

        Raises:
            OSError: The file cannot be read.
            UnsuitableFont: It is no font.
        """
        try:
            with self.path.open("rb") as file, TTFont(file, lazy=True, fontNumber=0) as font:
                return frozenset(font.getBestCmap())
        except TTLibError as error:
            raise UnsuitableFont(f"{self.path} is no font that can be read: {error}") from error


def _packaged(package: str, name: str) -> FontFile:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return FontFile(Path(spec.origin).parent / name)


PACKAGED_FONTS = tuple(_packaged(package, name) for package, name in _PACKAGED)
"""The preferred one first. They are found when this module is imported, so that a lack is reported before any work."""


def suitable_font(text: str, fonts: tuple[FontFile, ...]) -> FontFile:
    """Return the first of the fonts that has all of the text's characters, else the one that has the most."""
    characters = {ord(char) for char in text if not char.isspace()}
    complete = (font for font in fonts if characters <= font.characters)
    return next(complete, None) or max(fonts, key=lambda font: len(characters & font.characters))


def load_font(font: FontFile, size: int) -> ImageFont.FreeTypeFont:
    """Load a font in its regular weight.

    Args:
        font: The font.
        size: Height in pixels.
    """
    loaded = ImageFont.truetype(str(font.path), size)
    with suppress(OSError):  # it has one weight only
        loaded.set_variation_by_axes([REGULAR_WEIGHT])
    return loaded
