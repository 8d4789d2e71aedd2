"""What surrounds every RPC: the limit on uploads, and the mapping of errors to status codes."""
