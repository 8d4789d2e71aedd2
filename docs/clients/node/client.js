// A client made from protos/ alone: submits a video, polls, reads the results in both formats.
// Usage: node client.js <protos folder> <address> <video> <pipeline>; prints one JSON object.
"use strict";

const fs = require("fs");
const path = require("path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [protos, address, video, pipeline] = process.argv.slice(2);
const definition = loader.loadSync(path.join("foregsyte", "jobs", "v1", "jobs.proto"), {
  includeDirs: [protos],
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
});
const { JobService } = grpc.loadPackageDefinition(definition).foregsyte.jobs.v1;
const client = new JobService(address, grpc.credentials.createInsecure(), {
  "grpc.max_send_message_length": -1,
  "grpc.max_receive_message_length": -1,
});
const call = (method, request) =>
  new Promise((resolve, reject) => {
    const deadline = new Date(Date.now() + 60000);
    client[method](request, { deadline }, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function main() {
  const { job_id } = await call("SubmitJob", { pipeline_id: pipeline, video: fs.readFileSync(video) });
  const seen = [];
  let job;
  do {
    job = await call("GetJobStatus", { job_id });
    if (seen[seen.length - 1] !== job.status) seen.push(job.status);
    await pause(20);
  } while (!["JOB_STATUS_COMPLETED", "JOB_STATUS_FAILED"].includes(job.status));
  const frames = await call("GetJobResults", { job_id });
  const json = await call("GetJobResults", { job_id, format: "RESULTS_FORMAT_JSON" });
  let refusal;
  await call("GetJobStatus", { job_id: "no-uuid" }).catch((error) => {
    refusal = { code: grpc.status[error.code], details: error.details };
  });
  const texts = frames.results.map((frame) => frame.result.fields.text?.stringValue ?? "");
  console.log(JSON.stringify({ job_id, seen, progress: job.progress, texts, results_json: json.results_json, refusal }));
}

main()
  .then(() => client.close())
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
