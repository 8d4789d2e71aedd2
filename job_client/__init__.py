"""The Foregsyte client: `JobClient` for Python programs, the `foregsyte` command for people."""

from job_client.client import JobClient, JobInfo, ServiceError

__all__ = ["JobClient", "JobInfo", "ServiceError"]
