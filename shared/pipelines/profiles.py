"""Profiles: how much a worker computes for each frame. A setting of the worker, and part of what clients read."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Profile(StrEnum):
    """What is given up for speed.

    Attributes:
        exact: Nothing: the results of the reference engines, on every CPU, but for roundings.
        balanced: What hardly changes the results: 16-bit floats, and text is looked for in two smaller images, above
            1080p once more at half of the size.
        fast: Some small text: it is looked for in a smaller image still, above 1080p once more at a third of the size.
            And narrow letters of long lines, which are read at a share of their width.
    """

    exact = "exact"
    balanced = "balanced"
    fast = "fast"


class Precision(StrEnum):
    """The number type that a model computes in; a quantised detector stays quantised.

    Attributes:
        f32: 32-bit floats: the same results on every host, but for roundings.
        bf16: 16-bit floats with the range of 32-bit ones on CPUs that have them (AVX-512 BF16, AMX), else as f32.
    """

    f32 = "f32"
    bf16 = "bf16"


@dataclass(frozen=True, slots=True)
class ProfileNumbers:
    """What a profile means for the engines on OpenVINO and torch.

    Attributes:
        precision: Number type that models compute in.
        text_long_sides: Long sides in pixels of the images in which text is looked for, the largest first.
        min_line_width: Shorter lines of text are padded to this width before they are read, in pixels; the network was
            trained on 320.
        line_width_step: Widths of lines are padded to a multiple of this, in pixels: the first line of a width takes
            half as long again as the next.
        line_width_scale: Long lines are scaled to this share of their width, 0 to 1.
        text_short_side: An image whose shorter side is smaller is enlarged to this, in pixels, before text is looked
            for, as by PaddleOCR. Without it as much text is found, or more.
        small_type_scale: An image that shows small type which was missed at the first of the long sides is looked at
            once more at this scale, 0 to 1, if that is larger. Both are equal at 1080p.
        detection_long_sides: The least and the greatest long side in pixels of the images in which the bundled detector
            looks: at 960 it finds far plates and signs that it misses at 768, but misses captions of small frames that
            it finds at 768. Its time grows with the square.
    """

    precision: Precision
    text_long_sides: tuple[int, ...]
    min_line_width: int
    line_width_step: int = 1
    line_width_scale: float = 1.0
    text_short_side: int = 0
    small_type_scale: float = 0.0
    detection_long_sides: tuple[int, int] = (768, 960)


PROFILES: Mapping[Profile, ProfileNumbers] = {
    Profile.exact: ProfileNumbers(Precision.f32, (4000,), 320, text_short_side=64),
    Profile.balanced: ProfileNumbers(Precision.bf16, (960, 512), 160, line_width_step=32, small_type_scale=0.5),
    Profile.fast: ProfileNumbers(
        Precision.bf16,
        (640,),
        160,
        line_width_step=32,
        line_width_scale=0.8,
        small_type_scale=1 / 3,
        detection_long_sides=(768, 768),
    ),
}


def _places(profile: Profile) -> str:
    numbers = PROFILES[profile]
    sides = numbers.text_long_sides
    where = f"{'long sides' if len(sides) > 1 else 'a long side'} of {' and '.join(map(str, sides))} pixels"
    return (
        f"{where}, small type above 1080p at {Fraction(numbers.small_type_scale).limit_denominator(10)} of the size too"
    )


PROFILE_DESCRIPTIONS = {
    Profile.exact: "exact: full resolution and 32-bit floats",
    Profile.balanced: f"balanced: text is looked for at {_places(Profile.balanced)}, and read at full resolution",
    Profile.fast: f"fast: text is looked for at {_places(Profile.fast)}; some small text is missed, long lines are"
    f" read at {PROFILES[Profile.fast].line_width_scale} of their width",
}
