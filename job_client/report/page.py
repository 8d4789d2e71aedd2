"""The page: one file that holds its style, its script, its data and its thumbnails."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from job_client.job import JobInfo
from job_client.report.data import page_data
from job_client.timeline import Timeline
from shared.process.escaping import terminal_text
from shared.results import FrameResult

if TYPE_CHECKING:
    import jinja2

SCRIPTS = ("data.js", "axis.js", "lanes.js", "frame.js", "list.js", "report.js")
"""In the order in which they are one script."""


@dataclass(frozen=True, slots=True)
class ReportedVideo:
    """A video that the page shows.

    Attributes:
        job: The job that the results are of.
        name: What to call the video.
        results: All of the job's results.
        timeline: What is in the video.
        noise: What was left out of that.
        thumbnails: Small images of some frames, as data URLs, by frame.
        size: Width and height of the frames in pixels, where they are known.
        url: Where the video is, as seen from the page, where that is known.
    """

    job: JobInfo
    name: str
    results: Sequence[FrameResult]
    timeline: Timeline
    noise: Timeline
    thumbnails: Mapping[int, str] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    url: str = ""


def render_report(videos: Iterable[ReportedVideo]) -> str:
    """Return the page.

    Whatever the results hold is shown as text: the page runs its own script alone and loads nothing but the videos
    (Content-Security-Policy by hash).

    Args:
        videos: What it shows, at least one; each is dropped before the next one is taken, as results are large.
    """
    return _environment().get_template("report.html").render(videos=list(map(_video, videos)))


def _video(video: ReportedVideo) -> dict[str, Any]:
    timeline = video.timeline
    return {
        "name": terminal_text(video.name),
        "job": video.job.job_id,
        "pipeline": video.job.pipeline_id,
        "submitted": f"{video.job.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "url": video.url,
        "counts": {
            "frames": timeline.frames,
            "objects": len(timeline.objects),
            "lines of text": len(timeline.texts),
            "codes": len(timeline.codes),
        },
        **page_data(video.results, timeline, video.noise, video.thumbnails, video.size),
    }


def _environment() -> "jinja2.Environment":
    import jinja2  # noqa: PLC0415 (other commands do without)

    loader = jinja2.PackageLoader("job_client.report", package_path="")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, loader=loader)
    environment.policies["json.dumps_function"] = _harmless_json
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "sort_keys": False}
    environment.globals["source"] = lambda *names: "".join(loader.get_source(environment, name)[0] for name in names)
    environment.globals["scripts"] = SCRIPTS
    environment.filters["csp_hash"] = _csp_hash
    return environment


def _harmless_json(value: object, **options: Any) -> str:
    return terminal_text(json.dumps(value, **options))


def _csp_hash(content: str) -> str:
    """Return the hash by which a Content-Security-Policy allows an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
