"""What a video says and shows, and when: lines of text and objects over time, from results frame by frame.

Results stand for one frame each. Here the readings of a line are joined over the frames that it is in, and the
detections of an object into a track. Everything is a pure function of the results, in one pass, in memory that does not
grow with the video but by what is found. Of the project's other packages it needs nothing but `shared.results`.
"""

from job_client.timeline.build import Timeline, labelled, timeline_and_noise, timeline_of, tracked
from job_client.timeline.settings import DEFAULT_SETTINGS, TimelineSettings
from job_client.timeline.spans import CodeSpan, Following, ObjectSpan, Span, TextSpan

__all__ = [
    "DEFAULT_SETTINGS",
    "CodeSpan",
    "Following",
    "ObjectSpan",
    "Span",
    "TextSpan",
    "Timeline",
    "TimelineSettings",
    "labelled",
    "timeline_and_noise",
    "timeline_of",
    "tracked",
]
