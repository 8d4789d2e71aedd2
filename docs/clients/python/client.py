"""A client made from protos/ alone: submits a video, waits for its job, prints the text of every frame.

Needs the packages grpcio and grpcio-tools, which turns the contract into stubs when the program starts.

Usage: python client.py <protos folder> <address> <video> <pipeline>
"""

import json
import sys
import time
from pathlib import Path

import grpc

protos, address, video, pipeline = sys.argv[1:]
sys.path.insert(0, protos)  # where the next line looks
messages, services = grpc.protos_and_services("foregsyte/jobs/v1/jobs.proto")

# Videos and results are larger than gRPC's default of 4 MiB; -1 takes any size.
SIZES = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
FINAL = (messages.JOB_STATUS_COMPLETED, messages.JOB_STATUS_FAILED)

with grpc.insecure_channel(address, options=SIZES) as channel:
    client = services.JobServiceStub(channel)
    request = messages.SubmitJobRequest(pipeline_id=pipeline, video=Path(video).read_bytes())
    try:
        job_id = client.SubmitJob(request, timeout=600).job_id
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name}: {error.details()}")

    while (job := client.GetJobStatus(messages.GetJobStatusRequest(job_id=job_id), timeout=60)).status not in FINAL:
        time.sleep(0.2)
    if job.status == messages.JOB_STATUS_FAILED:
        sys.exit(f"job {job_id} failed: {job.error_message}")

    wanted = messages.GetJobResultsRequest(job_id=job_id, format=messages.RESULTS_FORMAT_JSON)
    for frame in json.loads(client.GetJobResults(wanted, timeout=600).results_json):
        print(frame["frame_index"], frame["result"].get("text", ""), sep="\t")
