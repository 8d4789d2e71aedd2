"""The server's disk: the folder that it holds, and what it tells callers where the disk refuses."""
