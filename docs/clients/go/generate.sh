#!/bin/sh
# Makes the stubs from protos/ alone. Usage, in this folder: ./generate.sh <protos folder>
# Needs protoc, protoc-gen-go and protoc-gen-go-grpc on the PATH.
set -eu
proto=foregsyte/jobs/v1/jobs.proto
options="paths=source_relative,M$proto=example.com/foregsyte-client/foregsyte/jobs/v1;jobsv1"
protoc -I"$1" --go_out="$options:." --go-grpc_out="$options:." "$proto"
