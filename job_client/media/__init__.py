"""The original video beside the results: reading its frames, drawing on them, writing them (extra `client-media`)."""
