"""Which text was shown while several were read, by the Viterbi algorithm.

A line's readings flicker: DOLLARAMA, DOLLARAMA-E, DOLLARAMA. A subtitle's successor may differ as little: "Line 1",
"Line 2". Which of the two it is shows only in what comes after it. So the text that was shown is the hidden state of a
Markov chain whose observations are the readings, and the cheapest sequence of states is found by the Viterbi algorithm:
a reading that differs from what is shown costs something in each frame, and so does a change of what is shown.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from operator import itemgetter

from job_client.timeline.text_run import TextRun, heaviest

CHANGE_COST = 4.0
"""Of a change of the text that is shown. Twice that is what a flicker may cost, which is a change and a change back."""

CHANGE_COST_AFTER_GAP = 2.0
"""The same where nothing was read for a while: one line goes, the next one comes."""

CHANGE_COST_WHILE_ZOOMING = 8.4
"""The same while the line grows or shrinks: it is part of the scene, as on a car that comes nearer, and read the better
the nearer it is. What changes is an overlay, which stays as large as it is."""

ZOOM = 1.25
"""By how much a line must have grown or shrunk, while two readings were read, for that to be so."""


AHEAD_MS = 1000.0
"""What begins so soon after a reading may be what was shown with it: first readings are often wrong, as in a fade."""

MAX_AHEAD = 8
MAX_OFTEN = 4
MAX_STATES = 8
"""How many runs ahead are looked at, and how many texts are taken into account at once: those read most there, and
those that explain the readings best so far."""


def shown_texts(runs: Sequence[TextRun], before: str | None) -> list[str]:
    """Return for each run the text that was shown, by the Viterbi algorithm.

    Args:
        runs: Equal readings in a row.
        before: What was shown before them; None where nothing was.
    """
    if not runs:
        return []
    if len(runs) == 1 and before in {None, runs[0].text}:
        return [runs[0].text]
    costs = {before: 0.0} if before is not None else {}
    came_from: list[dict[str, str]] = []
    for number, (earlier, run) in enumerate(pairwise([runs[0], *runs]), 1):
        cheapest = min(costs, key=costs.__getitem__, default=run.text)
        change = _cost_of_change(earlier, run)
        changed = costs[cheapest] + change if costs else 0.0
        often = _often_read_after(run, runs[number : number + MAX_AHEAD])
        stays = {text: costs.get(text, math.inf) for text in dict.fromkeys((run.text, *often, *costs))}
        came_from.append({text: text if cost <= changed else cheapest for text, cost in stays.items()})
        costs = {text: min(cost, changed) + run.cost_if_shown(text) for text, cost in stays.items()}
        costs = dict(sorted(costs.items(), key=itemgetter(1))[:MAX_STATES])
    return _traced_back(min(costs, key=costs.__getitem__), came_from)


def _cost_of_change(before: TextRun, run: TextRun) -> float:
    """Return what it costs to take the second of two runs for another line than the first."""
    growth = before.growth * run.growth
    if growth >= ZOOM or growth <= 1 / ZOOM:
        return CHANGE_COST_WHILE_ZOOMING
    return CHANGE_COST_AFTER_GAP if run.after_gap else CHANGE_COST


def _often_read_after(run: TextRun, following: Sequence[TextRun]) -> list[str]:
    """Return what is read most soon after a run, and more than it: what may have been shown with it."""
    end_ms = run.sighting.last.end_ms + AHEAD_MS
    weights: dict[str, float] = {}
    for later in following:
        if later.sighting.first.start_ms > end_ms:
            break
        weights[later.text] = weights.get(later.text, 0.0) + later.votes
    more = {text: weight for text, weight in weights.items() if weight > run.votes}
    return [text for text, _ in heaviest(more, MAX_OFTEN)]


def _traced_back(last: str, came_from: Sequence[Mapping[str, str]]) -> list[str]:
    path = [last]
    for sources in reversed(came_from[1:]):
        path.append(sources[path[-1]])
    return path[::-1]
