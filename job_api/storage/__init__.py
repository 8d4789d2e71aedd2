"""Storage of files: the port and its adapters."""
