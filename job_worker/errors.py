"""What can go wrong in a worker.

WorkerError
├── ModelLoadError       a model cannot be loaded: the worker does not start
├── JobFailed           the job in hand cannot be done: it ends `failed` with this message
├── LeaseLost              the job in hand is no longer this worker's: drop it and go on
├── UnsupportedPipeline      this worker does not run the job's pipeline: hand it back
├── InsufficientSpace               this host has no room for the job's video: hand it back and pause
├── WorkerRefused        the API refuses this worker for good: it ends
└── Stopping             the job in hand must be handed back because the worker stops

Clients read the messages of JobFailed, operators those of ModelLoadError, InsufficientSpace and WorkerRefused: plain
words without paths, stacks or library names.
"""

__all__ = [
    "InsufficientSpace",
    "JobFailed",
    "LeaseLost",
    "ModelLoadError",
    "Stopping",
    "UnsupportedPipeline",
    "WorkerError",
    "WorkerRefused",
]


class WorkerError(Exception):
    """Base of all errors of the worker."""


class ModelLoadError(WorkerError):
    """A model cannot be loaded; the message says which, why and what to do."""


class JobFailed(WorkerError):
    """The job in hand cannot be done; the message becomes the job's `error_message`."""


class LeaseLost(WorkerError):
    """The API says that this worker no longer holds the job."""


class UnsupportedPipeline(WorkerError):
    """This worker does not run the job's pipeline, which is no fault of the job; the message is the pipeline's id."""


class InsufficientSpace(WorkerError):
    """This host cannot keep the job's video, which is no fault of the job; the message says why."""


class WorkerRefused(WorkerError):
    """The API refuses this worker for good; the message says why."""


class Stopping(WorkerError):
    """The worker was told to stop before the job in hand was done."""
