"""What every adapter must hold, as tests that any package can run over its own.

A pytest plugin: `pytest_plugins = ["job_api.testing"]` in the outermost `conftest.py` lets failures in it show their
values. The suites are `job_api.testing.storage.StorageConformance` and `job_api.testing.queue.QueueConformance`; derive
a test class from one and say, in its one fixture, how the adapter is made. They need the extra `contracts`.
"""

__all__: list[str] = []
