"""What can go wrong in a worker.

WorkerError
├── ModelLoadError       a model cannot be loaded: the worker does not start
├── JobFailure           the job in hand cannot be done: it ends `failed` with this message
│   └── VideoError       the video holds no frame that can be shown
├── JobLost              the job in hand is no longer this worker's: drop it and go on
├── PipelineLacking      this worker does not run the job's pipeline: hand it back
├── NoRoom               this host has no room for the job's video: hand it back and pause
├── WorkerRefused        the API refuses this worker for good: it ends
└── Stopping             the job in hand must be handed back because the worker stops

The messages are read by operators (ModelLoadError, NoRoom, WorkerRefused) and by clients (JobFailure), so they are
plain words without paths, stacks or library names.
"""

__all__ = [
    "JobFailure",
    "JobLost",
    "ModelLoadError",
    "NoRoom",
    "PipelineLacking",
    "Stopping",
    "VideoError",
    "WorkerError",
    "WorkerRefused",
]


class WorkerError(Exception):
    """Base of all errors of the worker."""


class ModelLoadError(WorkerError):
    """A model cannot be loaded; the message says which, why and what to do."""


class JobFailure(WorkerError):
    """The job in hand cannot be done; the message becomes the job's `error_message`."""


class VideoError(JobFailure):
    """The video holds no frame that can be shown; the message says why in plain words."""


class JobLost(WorkerError):
    """The API says that this worker no longer holds the job."""


class PipelineLacking(WorkerError):
    """This worker does not run the job's pipeline, which is no fault of the job; the message is the pipeline's id."""


class NoRoom(WorkerError):
    """This host cannot keep the job's video, which is no fault of the job; the message says why."""


class WorkerRefused(WorkerError):
    """The API refuses this worker for good; the message says why."""


class Stopping(WorkerError):
    """The worker was told to stop before the job in hand was done."""
