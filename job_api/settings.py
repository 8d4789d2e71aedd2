"""The settings of an API server."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, FilePath, PositiveInt, model_validator
from sqlalchemy import URL, make_url

from job_api.services.dispatch import DispatchLimits
from job_api.services.queries import QueryLimits
from job_api.services.reports import ReportLimits
from job_api.services.submission import SubmissionLimits
from shared.contract.channel import MAX_PAYLOAD_BYTES, SLOWEST_BYTES_PER_SECOND
from shared.contract.endpoint import DEFAULT_ADDRESS
from shared.pipelines.catalogue import BUILT_IN_PIPELINES
from shared.pipelines.profiles import Profile
from shared.pipelines.settings import PipelineNames, PipelineSettings
from shared.process.settings import GIB, MIB, Address, NonEmptyPath, Seconds, Tables, from_file


class ApiSettings(PipelineSettings):
    """Settings of `foregsyte-api`."""

    table: ClassVar[str] = "api"

    address: Address = Field(DEFAULT_ADDRESS, description="Where to listen, host:port; port 0 takes a free one.")
    worker_address: Address | Literal[""] = Field(
        "", description="Where WorkerService listens, if not on the same address as JobService."
    )
    tls_cert_file: FilePath | None = Field(None, description="Certificate chain (PEM): listen with TLS.")
    tls_key_file: FilePath | None = Field(None, description="The certificate's private key (PEM).")
    data_dir: NonEmptyPath = Field(Path("data"), description="Folder of videos and results.")
    storage: str = Field("local", description="Where files are kept: local (in data_dir), or a plugin.")
    queue: str = Field("memory", description="Where ids of jobs wait: memory, or a plugin.")
    storage_tables: Tables = from_file("storage", "The options of each storage plugin.")
    queue_tables: Tables = from_file("queue", "The options of each queue plugin.")
    database_url: str = Field(
        "",
        pattern="^(duckdb:///.+)?$",
        description="The database; default: foregsyte.duckdb in data_dir. One in memory keeps no job beyond a stop.",
    )
    pipelines: PipelineNames = Field(
        tuple(BUILT_IN_PIPELINES),
        description="The pipelines offered, as a,b; default: these, the plugins and those of the settings file.",
    )
    profile: Profile = Field(
        Profile.balanced, description="The workers' --profile, reported to clients: exact, balanced or fast."
    )

    max_video_bytes: PositiveInt = Field(
        512 * MIB, le=MAX_PAYLOAD_BYTES, description=f"Largest video; at most {MAX_PAYLOAD_BYTES} (64 KiB below 2 GiB)."
    )
    max_results_bytes: PositiveInt = Field(
        256 * MIB, le=MAX_PAYLOAD_BYTES, description=f"Largest results of one job; at most {MAX_PAYLOAD_BYTES} too."
    )
    max_inline_results_bytes: PositiveInt = Field(
        16 * MIB, description="Largest results in one CompleteJob; larger ones come in chunks."
    )
    max_frames_bytes: PositiveInt = Field(
        32 * MIB, description="Largest results (as JSON) answered as frames; larger ones are answered as JSON only."
    )
    max_error_message_bytes: PositiveInt = Field(64 * 1024, description="Longest error message a worker may report.")
    max_uploads: PositiveInt = Field(16, description="Most uploads stored at one time; others arrive meanwhile.")
    max_inflight_bytes: PositiveInt = Field(
        GIB, description="Most bytes of messages at one time, both ways; memory stays below 3 times this and 512 MiB."
    )
    slowest_bytes_per_second: PositiveInt = Field(
        SLOWEST_BYTES_PER_SECOND,
        description="What the slowest link carries; where answers wait for memory, others on slower ones are cut off.",
    )
    min_free_bytes: int = Field(
        GIB, ge=0, description="Disk floor: what must stay free after a submit; results may take half of it."
    )
    max_chunk_bytes: PositiveInt = Field(4 * MIB, description="Largest chunk of a video or of results in one message.")
    default_page_size: PositiveInt = Field(50, description="Jobs in a page of ListJobs unless the caller says.")
    max_page_size: PositiveInt = Field(1000, description="Most jobs in a page of ListJobs.")

    lease_seconds: Seconds = Field(60.0, description="How long a worker holds a job without renewing.")
    max_lost_workers: PositiveInt = Field(3, description="A job is failed after so many workers were lost on it.")
    max_wait_seconds: Seconds = Field(30.0, description="Longest wait of a Dequeue.")
    max_waiting_workers: PositiveInt = Field(256, description="Most workers waiting at once; more are answered empty.")
    max_concurrent_calls: PositiveInt = Field(64, description="Most calls worked on at once, waiting workers apart.")
    shutdown_seconds: Seconds = Field(30.0, description="How long a stop waits for calls under way.")

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("--tls-cert-file and --tls-key-file must be given together")
        return self

    @model_validator(mode="after")
    def _largest_fits(self) -> Self:
        if self.max_inflight_bytes < self.largest_payload_bytes + MIB:
            raise ValueError("--max-inflight-bytes must be 1 MiB more than --max-video-bytes and --max-results-bytes")
        return self

    @model_validator(mode="after")
    def _messages_fit(self) -> Self:
        limits = ("max_chunk_bytes", "max_inline_results_bytes", "max_error_message_bytes")
        for name in self.model_fields_set.intersection(limits):  # a default is only above what is not taken anyhow
            if getattr(self, name) > self.largest_payload_bytes:
                flag = "--" + name.replace("_", "-")
                raise ValueError(f"{flag} must not be above both --max-video-bytes and --max-results-bytes")
        return self

    @property
    def resolved_database_url(self) -> URL:
        """The database, with the default resolved; the folder may have any name."""
        return make_url(self.database_url or URL.create("duckdb", database=str(self.data_dir / "foregsyte.duckdb")))

    @property
    def largest_payload_bytes(self) -> int:
        """The largest video or answer: gRPC has one limit for the messages of all calls."""
        return max(self.max_video_bytes, self.max_results_bytes)

    @property
    def submission_limits(self) -> SubmissionLimits:
        """The settings that bound a submit."""
        return SubmissionLimits(self.max_video_bytes, self.min_free_bytes)

    @property
    def query_limits(self) -> QueryLimits:
        """The settings that bound what clients are answered."""
        return QueryLimits(self.default_page_size, self.max_page_size, self.max_frames_bytes)

    @property
    def dispatch_limits(self) -> DispatchLimits:
        """The settings that bound what workers request."""
        return DispatchLimits(self.max_wait_seconds, self.max_chunk_bytes)

    @property
    def report_limits(self) -> ReportLimits:
        """The settings that bound what workers send."""
        return ReportLimits(
            self.max_chunk_bytes, self.max_results_bytes, self.max_inline_results_bytes, self.max_error_message_bytes
        )
