"""The gRPC contract: generated stubs, reasons of errors, channels, and reading and repeating failed calls."""
