"""What surrounds every RPC: the mapping of errors to status codes."""
