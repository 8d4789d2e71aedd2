"""Reads the original video's frames, draws results on them and writes them (extra `client-media`)."""
