"""Failures in the contracts show their values."""

pytest_plugins = ["job_api.testing"]
