"""Failures in the contract show their values."""

pytest_plugins = ["job_worker.testing"]
