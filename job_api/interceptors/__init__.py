"""What surrounds every RPC: how its request arrives, and the mapping of errors to status codes."""
