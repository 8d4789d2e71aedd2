"""Renders the page: one file that holds its style, its script, its data and its pictures."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files

import jinja2

from job_client.job import FrameResult, JobInfo
from job_client.report.data import Row, page_data, rows_of
from job_client.spans import FindingKind

__all__ = ["render_report"]


def render_report(
    job: JobInfo,
    results: Sequence[FrameResult],
    name: str,
    thumbnails: Mapping[int, str] | None = None,
    size: tuple[int, int] | None = None,
) -> str:
    """Returns the page.

    Whatever the results hold is shown as text: the page runs its own script alone and loads nothing
    (Content-Security-Policy by hash).

    Args:
        job: The job that the results are of.
        results: All of its results.
        name: What to call the video.
        thumbnails: Pictures of some frames, as data URLs, by frame.
        size: Width and height of the frames in pixels, where they are known.
    """
    rows = rows_of(results)
    style, script = _resource("report.css"), _resource("report.js")
    data = page_data(results, rows, thumbnails or {}, size)
    return (
        _environment()
        .from_string(_resource("report.html"))
        .render(
            job=job,
            name=name,
            facts=_facts(rows, data["frames"], data["end"]),
            data=data,
            style=style,
            script=script,
            style_hash=_hash(style),
            script_hash=_hash(script),
        )
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "sort_keys": False}
    return environment


def _facts(rows: Sequence[Row], frames: Sequence[object], end_ms: float) -> dict[str, str]:
    minutes, seconds = divmod(end_ms / 1000, 60)
    return {
        "frames": f"{len(frames):,}",
        "duration": f"{minutes:.0f}:{seconds:04.1f}",
        "labels": f"{sum(row.kind is FindingKind.label for row in rows):,}",
        "lines of text": f"{sum(row.kind is FindingKind.text for row in rows):,}",
    }


def _resource(name: str) -> str:
    return (files("job_client.report") / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
