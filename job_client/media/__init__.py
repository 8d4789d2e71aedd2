"""The original video: reading its frames, drawing results on them, writing them (extra `client-media`)."""
