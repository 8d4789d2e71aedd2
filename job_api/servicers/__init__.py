"""gRPC at the edge: convert the request, call a service, convert the response."""
