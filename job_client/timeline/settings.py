"""What the timeline's rules are set to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimelineSettings:
    """When two sightings are of one thing, and what is noise.

    Attributes:
        gap_ms: For how long a line of text may be missed and be the same line after it.
        object_gap_ms: The same for an object, which others may hide.
        min_text_evidence: What a line of text needs: the sum, over all frames in which it was read, of its letters and
            digits less a half, each as good as it was read (0.9 for a confidence of 0.99, 0.5 for 0.95, 0.1 for 0.82);
            one that stands alone counts a fifth for each 40 ms, not for each frame, as does text that has none; other
            text for a moment at the place of a line counts a quarter. The default keeps a word that was read well in
            one frame, and no lone character that was read for a quarter of a second. 0 keeps all.
        min_object_evidence: What an object needs: the sum over all frames of how far its confidence is above 0.4; a
            frame that is shown for more than 0.2 seconds counts more, in proportion. The default keeps what was found
            well in three frames. 0 keeps all.
    """

    gap_ms: float = 500.0
    object_gap_ms: float = 1500.0
    min_text_evidence: float = 1.25
    min_object_evidence: float = 1.25


DEFAULT_SETTINGS = TimelineSettings()
