// A client made from protos/ alone: submits a video, waits for its job, prints the text of every frame.
// Usage: client <address> <video> <pipeline>
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	pb "example.com/foregsyte-client/foregsyte/jobs/v1"
)

// What a message may hold: videos and results are larger than gRPC's default of 4 MiB.
const maxMessageBytes = 1 << 30

type frame struct {
	FrameIndex int64 `json:"frame_index"`
	Result     struct {
		Text string `json:"text"`
	} `json:"result"`
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: client <address> <video> <pipeline>")
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatalf("%s%v", reason(err), err)
	}
}

func run(address, path, pipeline string) error {
	sizes := grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes), grpc.MaxCallSendMsgSize(maxMessageBytes))
	connection, err := grpc.Dial(address, grpc.WithInsecure(), sizes)
	if err != nil {
		return err
	}
	defer connection.Close()
	client := pb.NewJobServiceClient(connection)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()

	video, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	submitted, err := client.SubmitJob(ctx, &pb.SubmitJobRequest{PipelineId: pipeline, Video: video})
	if err != nil {
		return err
	}
	if err := wait(ctx, client, submitted.JobId); err != nil {
		return err
	}
	return printTexts(ctx, client, submitted.JobId)
}

func wait(ctx context.Context, client pb.JobServiceClient, jobID string) error {
	for {
		job, err := client.GetJobStatus(ctx, &pb.GetJobStatusRequest{JobId: jobID})
		if err != nil {
			return err
		}
		switch job.Status {
		case pb.JobStatus_JOB_STATUS_COMPLETED:
			return nil
		case pb.JobStatus_JOB_STATUS_FAILED:
			return fmt.Errorf("job %s failed: %s", jobID, job.ErrorMessage)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func printTexts(ctx context.Context, client pb.JobServiceClient, jobID string) error {
	request := &pb.GetJobResultsRequest{JobId: jobID, Format: pb.ResultsFormat_RESULTS_FORMAT_JSON}
	answer, err := client.GetJobResults(ctx, request)
	if err != nil {
		return err
	}
	var frames []frame
	if err := json.Unmarshal([]byte(answer.ResultsJson), &frames); err != nil {
		return err
	}
	for _, found := range frames {
		fmt.Printf("%d\t%q\n", found.FrameIndex, found.Result.Text)
	}
	return nil
}

// reason returns what programs can switch on, such as JOB_NOT_FOUND, or nothing where the server gave none.
func reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.Reason + ": "
		}
	}
	return ""
}
