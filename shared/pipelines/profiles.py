"""How much a worker spends on a frame: a setting of the worker, which the API tells its clients about."""

from enum import StrEnum

__all__ = ["PROFILE_DESCRIPTIONS", "Profile"]


class Profile(StrEnum):
    """What is given up for speed.

    Attributes:
        exact: Nothing: the answer of the reference engines, the same on every CPU.
        balanced: What does not cost what is found: 16-bit floats, text looked for in two smaller pictures.
        fast: Some small text: it is looked for in a picture that is smaller still, and read in integers.
    """

    exact = "exact"
    balanced = "balanced"
    fast = "fast"


PROFILE_DESCRIPTIONS = {
    Profile.exact: "exact: full resolution and 32-bit floats",
    Profile.balanced: "balanced: text is looked for at long sides of 960 and 512 pixels and read at full resolution",
    Profile.fast: "fast: text is looked for at a long side of 640 pixels, so small text is missed",
}
