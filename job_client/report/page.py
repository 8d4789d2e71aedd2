"""Renders the page: one file that holds its style, its script, its data and its thumbnails."""

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from job_client.job import JobInfo
from job_client.report.data import page_data
from job_client.spans import SpanKind
from job_client.summary import summary_of
from shared.results import FrameResult


def render_report(
    job: JobInfo,
    results: Sequence[FrameResult],
    name: str,
    thumbnails: Mapping[int, str] | None = None,
    size: tuple[int, int] | None = None,
) -> str:
    """Return the page.

    Whatever the results hold is shown as text: the page runs its own script alone and loads nothing
    (Content-Security-Policy by hash).

    Args:
        job: The job that the results are of.
        results: All of its results.
        name: What to call the video.
        thumbnails: Small images of some frames, as data URLs, by frame.
        size: Width and height of the frames in pixels, where they are known.
    """
    rows = [row for kind in SpanKind for row in summary_of(results, kind)]
    data = page_data(results, rows, thumbnails or {}, size)
    return _environment().get_template("report.html").render(job=job, name=name, facts=_facts(data), data=data)


def _environment() -> jinja2.Environment:
    loader = jinja2.PackageLoader("job_client.report", package_path="")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, loader=loader)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "sort_keys": False}
    environment.globals["source"] = lambda name: loader.get_source(environment, name)[0]
    environment.filters["csp_hash"] = _csp_hash
    return environment


def _facts(data: Mapping[str, Any]) -> dict[str, str]:
    minutes, seconds = divmod(data["end"] / 1000, 60)
    rows = Counter(kind for kind, *_ in data["rows"])
    return {
        "frames": f"{len(data['frames']):,}",
        "duration": f"{minutes:.0f}:{seconds:04.1f}",
        "labels": f"{rows[SpanKind.label]:,}",
        "lines of text": f"{rows[SpanKind.text]:,}",
        "codes": f"{rows[SpanKind.code]:,}",
    }


def _csp_hash(content: str) -> str:
    """Return the hash by which a Content-Security-Policy allows an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
