"""The analysis of frames: scheduling, cache, pipelines and the engines they run on."""
