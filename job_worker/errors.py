"""What can go wrong in a worker.

WorkerError
├── ModelLoadError         a model cannot be loaded: the worker does not start
├── JobCannotBeDone        the current job cannot be done: it ends `failed` with this message
│   └── MessageTooLarge    the server takes no message that large: a smaller one may do
├── LeaseLost              this worker no longer holds the current job: drop it and go on
├── UnsupportedPipeline    this worker does not run the job's pipeline: release it
├── HostUnusable           this host cannot do a job now: release it and pause, or fail it in the end
│   ├── HostFault          the pipelines' process says that a part of this host failed it: release it a few times
│   └── InsufficientSpace  it has no room for the job's files
│       └── UnconfirmedLackOfSpace  the pipelines' process says so, and there is room: release it once
├── ProcessUnkillable      the pipelines' process does not end: release the job and end the worker
├── WorkFolderGone         the worker's own folder was deleted: it ends, and the next start makes a new one
├── Cancelled              the worker stops, or the lease is lost: release or drop the current job
└── WorkerRefused          the server refuses this worker for good: it ends

Clients read the messages of JobCannotBeDone and HostUnusable, operators those of all others: plain language without
paths, stacks or library names.
"""

from typing import ClassVar


class WorkerError(Exception):
    """Base of all errors of the worker."""


class ModelLoadError(WorkerError):
    """A model cannot be loaded; the message says which, why and what to do."""


class JobCannotBeDone(WorkerError):
    """The current job cannot be done; the message becomes the job's `error_message`."""


class MessageTooLarge(JobCannotBeDone):
    """The server takes no message that large; what it carries may fit into smaller ones."""


class LeaseLost(WorkerError):
    """The server says that this worker no longer holds the job."""


class UnsupportedPipeline(WorkerError):
    """This worker does not run the job's pipeline, which is no fault of the job; the message is the pipeline's id."""


class HostUnusable(WorkerError):
    """This host cannot do a job now, which is no fault of the job; the message says why."""

    max_releases: ClassVar[int] = 360
    """How often a worker releases a job for this before it fails it, for every job must end. With the pauses that is an
    hour: long enough to free space, and for another worker to take the job."""


class HostFault(HostUnusable):
    """The pipelines' process says that a GPU or the start of a thread failed; the video may be the cause."""

    max_releases = 3


class InsufficientSpace(HostUnusable):
    """This host cannot keep the job's files, or the folder for them."""


class UnconfirmedLackOfSpace(InsufficientSpace):
    """The pipelines' process found no room, and there is room now: another job had it, or that process is hostile."""

    max_releases = 1


class ProcessUnkillable(WorkerError):
    """The process that runs the pipelines does not end when it is killed: it waits for a disk or a driver."""


class WorkFolderGone(WorkerError):
    """The worker's own folder was deleted while it ran."""


class Cancelled(WorkerError):
    """The work was cancelled before it was done: the worker stops, or the lease of the job is lost."""


class WorkerRefused(WorkerError):
    """The server refuses this worker for good; the message says why."""
