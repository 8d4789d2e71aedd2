"""What timelines give back of the known texts of videos, against what single frames do; for `benchmarks.quality`."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from shared.results import FrameResult

Content = dict[str, Any]
"""What is in a video: an entry of the judge's TRUTH.json."""

Judge = Callable[[Content, dict[int, tuple[str, set[str]]]], dict[str, Any]]
"""Says what frames, each its text and its labels, give back of a video's content: `judge_video` of the judge."""


def counted(content: Content, frames: Sequence[FrameResult], sampled: Collection[int], judge: Judge) -> Counter[str]:
    """Return what is counted of a video, from the results of all of its frames.

    A known text is found where the judge finds it: in a frame that shows it; in the timeline, in the lines whose time
    touches its own. Text of no truth is what is read in a video that has no text: by frames each line that the frame
    before has not, which frame-by-frame subtitles show as one of their own; in the timeline each line.
    """
    from job_client.timeline import timeline_of  # it needs libraries that single frames do not

    spans = timeline_of(frames).texts
    read = {frame.frame_index: [line.text for line in frame.text_lines] for frame in frames}
    joined = {index: [span.text for span in spans if span.first_frame <= index <= span.last_frame] for index in read}

    def found(shown: Mapping[int, Sequence[str]]) -> int:
        judged = {index: ("\n".join(texts), set[str]()) for index, texts in shown.items()}
        return int(judge(content, judged)["text"]["any"])

    has_none = content["empty_text"]
    by_frames = _new_lines(read) if has_none else []
    in_timeline = [span.text for span in spans] if has_none else []
    return Counter({
        "known texts": sum(not text["hard"] for text in content["text"]),
        "in sampled frames": found({index: read[index] for index in sampled}),
        "in any frame": found(read),
        "in the timeline": found(joined),
        "lines of no truth by frames": len(by_frames),
        "characters of them": _characters(by_frames),
        "lines of no truth in the timeline": len(in_timeline),
        "characters of these": _characters(in_timeline),
    })  # fmt: skip


def _new_lines(read: Mapping[int, Sequence[str]]) -> list[str]:
    return [text for index, texts in read.items() for text in texts if text not in read.get(index - 1, ())]


def _characters(texts: Iterable[str]) -> int:
    """Return how many characters there are as the judge counts them, without blanks."""
    return sum(not char.isspace() for text in texts for char in text)
