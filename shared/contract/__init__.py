"""The gRPC contract: generated stubs, reasons of errors, channels, and how a status carries an error."""
