"""What `docs/phase_16/endpoints.md` shows: the calls, in the order in which they work on a new server."""

INTRODUCTION = """\
# Endpoints

Every RPC of [the contract](../../protos/foregsyte/jobs/v1/jobs.proto), with its fields, errors and an example call. The
page is generated from the contract and from a running server (`python -m tests.support.endpoints_page`); a test fails
when the two differ.

The calls work as written, in the order of their steps, on a new server without workers (`foregsyte-api`), from the
root of this checkout. The answers are as grpcurl prints them: fields in lowerCamelCase, those that are 0 or empty are
omitted, an int64 is in quotes. All times in them are replaced by the same one."""

_FIRST = "d22862f1-c427-5688-afb7-19e19209137e"
_SECOND = "94fec0b9-ad67-5c3c-9ee9-886509666499"
"""The ids that follow from the request ids, see `job_api/services/submission.py`."""

_RESULTS = "eyJyZXN1bHRzIjpbeyJmcmFtZV9pbmRleCI6MCwicmVzdWx0Ijp7InRleHQiOiJTVE9QIn19XX0="
"""`{"results":[{"frame_index":0,"result":{"text":"STOP"}}]}`"""


def _call(method: str, body: str = "") -> str:
    data = f"-d '{body}' " if body else ""
    return f"grpcurl -plaintext {data}127.0.0.1:50051 foregsyte.jobs.v1.{method}"


def _submit(request_id: str) -> str:
    return (
        f'printf \'{{"pipeline_id": "ocr", "request_id": "{request_id}", "video": "%s"}}\''
        ' "$(base64 -w0 tests/fixtures/tiny.mp4)" |\n'
        "  grpcurl -plaintext -d @ 127.0.0.1:50051 foregsyte.jobs.v1.JobService/SubmitJob"
    )


def _by_worker(method: str, job_id: str, more: str = "") -> str:
    return _call(f"WorkerService/{method}", f'{{"job_id": "{job_id}", "worker_id": "me"{more}}}')


_DEQUEUE = _call("WorkerService/Dequeue", '{"worker_id": "me", "wait": "10s"}')

STORY = [
    _call("JobService/ListPipelines"),
    _submit("holiday-1"),
    _call("WorkerService/ListOfferedPipelines"),
    _call("JobService/GetJobStatus", f'{{"job_id": "{_FIRST}"}}'),
    _DEQUEUE,
    _by_worker("GetJobInput", _FIRST, ', "offset": 0, "length": 12'),
    _by_worker("RenewLease", _FIRST),
    _by_worker("ReleaseJob", _FIRST),
    _DEQUEUE,
    _by_worker("PutJobResults", _FIRST, f', "offset": 0, "data": "{_RESULTS}"'),
    _by_worker("CompleteJob", _FIRST, f', "results_json": "{_RESULTS}"'),
    _call("JobService/GetJobResults", f'{{"job_id": "{_FIRST}"}}'),
    _call("JobService/GetJobResults", f'{{"job_id": "{_FIRST}", "format": "RESULTS_FORMAT_JSON"}}'),
    _submit("holiday-2"),
    _DEQUEUE,
    _by_worker("FailJob", _SECOND, ', "error_message": "by hand"'),
    _call("JobService/ListJobs", '{"page_size": 20}'),
    _call("JobService/DeleteJob", f'{{"job_id": "{_SECOND}"}}'),
]
"""The calls, as they are typed."""

REFUSED_CALL = _call("JobService/GetJobResults", f'{{"job_id": "{_SECOND}"}}')
"""After the story: the job is deleted."""
