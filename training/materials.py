"""What scenes are made of besides drawing: fonts, photographs, pictures of signs and of objects.

They come from packages of the Debian distribution, which are free to use and are not part of this project:
`python -m training.materials --to FOLDER` downloads and unpacks them on any Debian machine. Without them scenes are
drawn from the fonts that matplotlib brings alone, which is enough for the tests and too little for a model.
"""

import argparse
import io
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from PIL import Image, UnidentifiedImageError

__all__ = ["PACKAGES", "Materials", "find_materials"]

PACKAGES = {
    "photos": (
        "gcompris-qt-data", "gnome-backgrounds", "lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04",
        "mate-backgrounds",
        "opencv-doc", "plasma-workspace-wallpapers", "ukui-wallpapers",
    ),
    "textures": ("supertuxkart-data", "torcs-data"),
    "cutouts": ("tuxpaint-stamps-default",),
    "roadside": ("torcs-data",),
    "signs": ("openclipart-png",),
    "fonts": (
        "fonts-arkpandora", "fonts-breip", "fonts-cabin", "fonts-cantarell", "fonts-comfortaa",
        "fonts-crosextra-carlito",
        "fonts-dejavu-core", "fonts-dosis", "fonts-ebgaramond", "fonts-hack", "fonts-inter", "fonts-junction",
        "fonts-lato",
        "fonts-league-spartan", "fonts-liberation2", "fonts-lobstertwo", "fonts-mplus", "fonts-oldstandard",
        "fonts-open-sans", "fonts-oxygen", "fonts-play", "fonts-quicksand", "fonts-roadgeek", "fonts-roboto-unhinted",
        "fonts-takao-gothic", "fonts-urw-base35", "fonts-wqy-zenhei", "fonts-yanone-kaffeesatz",
    ),
}  # fmt: skip
"""The packages by what is taken from them; each states its licence in /usr/share/doc/PACKAGE/copyright."""

PICTURES = {".jpg", ".jpeg", ".png"}
FONTS = {".ttf", ".otf", ".ttc"}
LEAST_SIDE = 200
"""Photographs are at least so many pixels high and wide."""

LEAST_CUTOUT_SIDE = 128
"""What stands at roadsides likewise."""

TAKEN_FROM = {
    "photos": re.compile(r"/(usr/share/backgrounds|contents/images|examples/data)/"),
    "textures": re.compile(
        r"/supertuxkart/data/textures/(?!.*(sign|panel|banner|text|font|logo|sponsor|gfx|alpha|pub))|/torcs/tracks/"
    ),
    "roadside": re.compile(r"/torcs/tracks/\w+/[^/]+/(tree(?!bit)|ppl)[^/]*$"),
    "cutouts": re.compile(
        r"/stamps/(animals|clothes|food|hobbies|household|plants|seasonal|space|sports|vehicles|medical)/"
    ),
    "signs": re.compile(r"/transportation/roadsigns/"),
    "fonts": re.compile(r"/usr/share/fonts/"),
}
LEFT_OUT = re.compile(
    r"licenseplate|imageText|text_|sudoku|ampelmann|(left|right)(0[4-9]|1[0-4])|gradient|ellipses|pic\d|aloeGT|Logo|stop_sign_right_font|D050000L|StandardSymbols",
    re.IGNORECASE,
)
"""Pictures that show a class unlabelled, or the same again."""

CARVED = (
    "categorization",
    "explore_monuments",
    "explore_farm_animals",
    "explore_world_animals",
    "explore_world_music",
    "details",
    "erase",
)
"""The bundles of gcompris-qt-data whose photographs are taken."""

PICTURE_START = re.compile(rb"\xff\xd8\xff[\xe0\xe1\xdb]|RIFF....WEBP", re.DOTALL)
LARGEST_PICTURE_BYTES = 8_000_000


@dataclass(frozen=True)
class Materials:
    """Files to make scenes of, each list sorted.

    Attributes:
        fonts: Fonts of any script.
        photos: Photographs.
        textures: Surfaces.
        cutouts: Objects with transparent surroundings.
        roadside: Trees and people, likewise.
        signs: Traffic signs with transparent surroundings.
        symbol_font: A font with arrows and pictograms.
    """

    fonts: list[Path]
    photos: list[Path]
    textures: list[Path]
    cutouts: list[Path]
    roadside: list[Path]
    signs: list[Path]
    symbol_font: Path


def find_materials(folder: Path | None) -> Materials:
    """The materials in a folder that `collect` filled; without a folder the fonts of matplotlib alone."""
    dejavu = Path(mpl.get_data_path()) / "fonts" / "ttf"
    own_fonts = [*dejavu.glob("DejaVuSans*.ttf"), *dejavu.glob("DejaVuSerif*.ttf")]
    own_fonts = [font for font in own_fonts if "Display" not in font.name]
    found = {kind: _files(folder / kind) if folder else [] for kind in PACKAGES}
    return Materials(
        fonts=sorted([*found["fonts"], *own_fonts]),
        photos=found["photos"],
        textures=found["textures"],
        cutouts=found["cutouts"],
        roadside=found["roadside"],
        signs=found["signs"],
        symbol_font=dejavu / "DejaVuSans-Bold.ttf",
    )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES | FONTS)


def collect(folder: Path) -> None:
    """Downloads the packages and puts what is wanted of each into a folder of its kind."""
    for kind, packages in PACKAGES.items():
        for package in packages:
            with tempfile.TemporaryDirectory() as temporary:
                here = Path(temporary)
                subprocess.run(["apt-get", "--quiet", "download", package], cwd=here, check=True, capture_output=True)
                (archive,) = here.glob("*.deb")
                subprocess.run(["dpkg", "-x", archive, here / "files"], check=True)
                into = folder / kind / package
                into.mkdir(parents=True, exist_ok=True)
                count = sum(1 for _ in _taken(here / "files", kind, into))
            print(f"{kind}: {count} from {package}")


def _taken(files: Path, kind: str, into: Path) -> Iterator[Path]:
    wanted = FONTS if kind == "fonts" else PICTURES
    for path in sorted(files.rglob("*")):
        if not path.is_file():  # a link to a file of another package
            continue
        if path.suffix == ".rcc" and path.stem in CARVED:
            yield from _carved(path, into)
            continue
        if path.suffix.lower() not in wanted or not TAKEN_FROM[kind].search(str(path)) or LEFT_OUT.search(path.name):
            continue
        if kind in ("photos", "textures") and not _is_photo(path):
            continue
        if kind == "roadside" and not _is_cutout(path):
            continue
        target = into / f"{path.parent.name}_{path.name}"
        shutil.copyfile(path, target)
        yield target


def _carved(bundle: Path, into: Path) -> Iterator[Path]:
    """The photographs of a Qt resource bundle, which holds them as they are."""
    content = bundle.read_bytes()
    for number, start in enumerate(match.start() for match in PICTURE_START.finditer(content)):
        try:
            picture = Image.open(io.BytesIO(content[start : start + LARGEST_PICTURE_BYTES]))
            picture.load()
        except (OSError, UnidentifiedImageError, SyntaxError):
            continue
        if picture.mode == "RGB" and min(picture.size) >= LEAST_SIDE:
            target = into / f"{bundle.stem}_{number:03}.jpg"
            picture.save(target, quality=92)
            yield target


def _is_photo(path: Path) -> bool:
    with Image.open(path) as picture:
        return picture.mode in ("RGB", "L") and min(picture.size) >= LEAST_SIDE


def _is_cutout(path: Path) -> bool:
    with Image.open(path) as picture:
        least, _ = picture.getchannel("A").getextrema() if picture.mode == "RGBA" else (255, 255)
        return least == 0 and min(picture.size) >= LEAST_CUTOUT_SIDE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True, help="the folder to put them into")
    collect(parser.parse_args().to)


if __name__ == "__main__":
    main()
