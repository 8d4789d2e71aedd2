"""What scenes are made of besides drawing: fonts, photographs, images of signs and of objects.

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
from typing import Any, ClassVar

import matplotlib as mpl
import yaml
from PIL import Image, UnidentifiedImageError

DEJAVU = Path(mpl.get_data_path()) / "fonts" / "ttf"
"""The fonts of matplotlib."""

RULES: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
"""What is taken from which packages."""

IMAGES = {".jpg", ".jpeg", ".png"}
FONTS = {".ttf", ".otf", ".ttc"}

IMAGE_START = re.compile(rb"\xff\xd8\xff[\xe0\xe1\xdb]|RIFF....WEBP", re.DOTALL)
LARGEST_IMAGE_BYTES = 8_000_000


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
    symbol_font: ClassVar[Path] = DEJAVU / "DejaVuSans-Bold.ttf"


def find_materials(folder: Path | None) -> Materials:
    """Return the materials in a folder that `collect` filled; without a folder the fonts of matplotlib alone."""
    found = {kind: _files(folder / kind) if folder else [] for kind in RULES["kinds"]}
    own_fonts = [*DEJAVU.glob("DejaVuSans*.ttf"), *DEJAVU.glob("DejaVuSerif*.ttf")]
    found["fonts"] = sorted([*found["fonts"], *(font for font in own_fonts if "Display" not in font.name)])
    return Materials(**found)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGES | FONTS)


def collect(folder: Path) -> None:
    """Download the packages and put what is wanted of each into a folder of its kind."""
    for kind, package in ((kind, package) for kind, source in RULES["kinds"].items() for package in source["packages"]):
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
    for path in sorted(files.rglob("*")):
        if not path.is_file():  # a link to a file of another package
            continue
        if path.suffix == ".rcc" and re.fullmatch(RULES["bundles"], path.stem):
            yield from _carved(path, into)
        elif _is_wanted(path, kind):
            yield Path(shutil.copyfile(path, into / f"{path.parent.name}_{path.name}"))


def _is_wanted(path: Path, kind: str) -> bool:
    if path.suffix.lower() not in (FONTS if kind == "fonts" else IMAGES):
        return False
    source = RULES["kinds"][kind]
    if not re.search(source["paths"], str(path)) or re.search(RULES["left_out"], path.name, re.IGNORECASE):
        return False
    if "least_side" not in source:
        return True
    with Image.open(path) as image:
        fits: bool = _is_cutout(image) if kind == "roadside" else image.mode in ("RGB", "L")
        return fits and min(image.size) >= source["least_side"]


def _is_cutout(image: Image.Image) -> bool:
    return image.mode == "RGBA" and image.getchannel("A").getextrema()[0] == 0


def _carved(bundle: Path, into: Path) -> Iterator[Path]:
    """Copy the photographs of a Qt resource bundle, which holds them as they are."""
    content = bundle.read_bytes()
    for number, start in enumerate(match.start() for match in IMAGE_START.finditer(content)):
        try:
            image = Image.open(io.BytesIO(content[start : start + LARGEST_IMAGE_BYTES]))
            image.load()
        except (OSError, UnidentifiedImageError, SyntaxError):
            continue
        if image.mode == "RGB" and min(image.size) >= RULES["kinds"]["photos"]["least_side"]:
            target = into / f"{bundle.stem}_{number:03}.jpg"
            image.save(target, quality=92)
            yield target


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True, help="the folder to put them into")
    collect(parser.parse_args().to)


if __name__ == "__main__":
    main()
