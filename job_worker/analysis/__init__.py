"""Analysis of frames: scheduling, pipelines, and the choice of engines."""
