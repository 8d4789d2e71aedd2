"""Conformance tests of adapters, for any package to run over its own.

A pytest plugin: `pytest_plugins = ["job_api.testing"]` in the outermost `conftest.py` makes failures in it show their
values. The suites are `job_api.testing.storage.StorageConformance` and `job_api.testing.queue.QueueConformance`;
derive a test class from one and make the adapter in its one fixture. They need the extra `testing`.
"""

__all__: list[str] = []
