"""Failures in the conformance tests show their values."""

pytest_plugins = ["job_worker.testing"]
