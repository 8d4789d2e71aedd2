"""The queue of job ids: the port and its adapters."""
