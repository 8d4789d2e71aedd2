"""Logging of a process: one line per event, with a stable action and the job's context.

Configured in the entry points only. A module logs `logger.info("job completed", extra={"job_id": job_id})`: the message
is the action, the rest is data.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

from shared.process.escaping import terminal_lines, terminal_text

_NOISY_LIBRARIES = ("alembic", "libav", "urllib3", "matplotlib", "PIL")
_STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logging(level: str, log_format: Literal["text", "json"]) -> None:
    """Send the log to standard error.

    Args:
        level: The least severe level that is logged.
        log_format: `text` for people, `json` for programs.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _NOISY_LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))


def _context(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD_ATTRIBUTES}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        context = "".join(f" {name}={value}" for name, value in _context(record).items())
        event = terminal_text(f"{_time(record)} {record.levelname:7} {record.name}: {record.getMessage()}{context}")
        trace = terminal_lines("\n" + self.formatException(record.exc_info)) if record.exc_info else ""
        return event + trace.replace("\n", "\n  ")  # indented: nobody's text may look like another event


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, object] = {"time": _time(record), "level": record.levelname, "logger": record.name}
        event |= {"action": record.getMessage()} | _context(record)
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, default=str)
