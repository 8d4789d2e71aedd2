"""Text reading: the port of text readers and its adapters."""
