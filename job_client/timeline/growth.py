"""Text that grows: typed letter by letter, or a caption that comes word by word, and is then read whole.

Most of its readings are beginnings of it, which differ from each other as misreadings of one line do. So a vote would
end in the middle, and a choice of what was shown, too.
"""

from collections.abc import Iterator, Sequence, Set
from functools import lru_cache
from itertools import chain, groupby

from job_client.timeline.path import Path
from job_client.timeline.readings import look_of
from job_client.timeline.revealed import MIN_PARTS, STILL_MS
from job_client.timeline.text_run import TextRun

MIN_WHOLE_FRAMES = 2
"""In how many frames the whole must be read: a last character may be imagined once."""

MIN_WHOLE_SHARE = 0.5
"""For what share of the time of its longest brief beginning it must be read."""

CACHED_TEXTS = 1 << 12
"""The same readings are compared again at many places."""


def join_grown(runs: Sequence[TextRun], cursors: Set[str], *, goes_on: bool) -> None:
    """Give the beginnings of a text that grows, and what is left while it is erased, the text that it becomes.

    Args:
        runs: Equal readings in a row, as they follow each other at one place.
        cursors: What a cursor was read as behind them; it does not grow.
        goes_on: Whether more may follow, so that what grows last may not be whole yet.
    """
    if len(runs) < MIN_PARTS:
        return
    stages = [list(group) for _, group in groupby(runs, lambda run: _look(run.text))]
    for first, behind in list(_growths(stages)):
        end = behind - _is_cursor_alone(stages[behind - 2], stages[behind - 1], cursors)
        following = stages[end] if end < len(stages) else None
        if (following or not goes_on) and _is_whole(stages[first:end], following):
            whole = stages[end - 1]
            text = max(whole, key=lambda run: run.votes).text
            for run in chain(*stages[first : end - 1], *_erased(stages, end)):
                run.path = Path()  # it only seems to move
                run.text = text
            for run in whole:
                run.text = text


def grows(before: TextRun, run: TextRun) -> bool:
    """Return whether the second of two runs goes on with the first, which it says or begins with, and without a gap."""
    old = _look(before.text)
    return bool(old) and not run.after_gap and _look(run.text).startswith(old)


def _growths(stages: Sequence[Sequence[TextRun]]) -> Iterator[tuple[int, int]]:
    """Yield the first stage of each growth, and the one behind its last."""
    first = 0
    for at in range(1, len(stages) + 1):
        if at < len(stages) and grows(stages[at - 1][-1], stages[at][0]):
            is_typed = at - first >= MIN_PARTS  # with pauses, it may be
            if is_brief(stages[at - 1]) or (is_typed and is_brief(stages[at])):
                continue
        if at - first >= MIN_PARTS:
            yield first, at
        first = at


def _erased(stages: Sequence[Sequence[TextRun]], end: int) -> Iterator[Sequence[TextRun]]:
    """Yield the stages in which what has grown is erased little by little; the last one may be where the next grows."""
    for before, stage, following in zip(stages[end - 1 :], stages[end:], [*stages[end + 1 :], None], strict=False):
        if not (is_brief(stage) and _look(before[0].text).startswith(_look(stage[0].text)) and not stage[0].after_gap):
            return
        if following is None or not grows(stage[-1], following[0]):
            yield stage


def _is_whole(growth: Sequence[Sequence[TextRun]], following: Sequence[TextRun] | None) -> bool:
    """Return whether the last of a growth is neither a reading that flickered once nor a number that counts."""
    *parts, whole = growth
    if not any(map(str.isalpha, _look(whole[0].text)[len(_look(parts[0][0].text)) :])):
        return False
    votes = sum(run.votes for run in whole)
    longest = max((sum(run.votes for run in part) for part in parts if is_brief(part)), default=0.0)
    if sum(run.sighting.frames for run in whole) < MIN_WHOLE_FRAMES or votes < MIN_WHOLE_SHARE * longest:
        return False
    is_undone = following is not None and _look(following[0].text) in {_look(part[0].text) for part in parts}
    return len(growth) > MIN_PARTS or not is_undone


def _is_cursor_alone(before: Sequence[TextRun], stage: Sequence[TextRun], cursors: Set[str]) -> bool:
    """Return whether all that has come is a cursor; one that was taken off leaves several runs that say the same."""
    text = stage[-1].text
    return len(stage) == 1 and text[-1] in cursors and _look(text[:-1]) == _look(before[-1].text)


def is_brief(stage: Sequence[TextRun]) -> bool:
    """Return whether runs that follow each other stand for less time than a line of its own does."""
    return stage[-1].sighting.last.end_ms - stage[0].sighting.first.start_ms < STILL_MS


@lru_cache(CACHED_TEXTS)
def _look(text: str) -> str:
    return look_of("".join(text.split()))
