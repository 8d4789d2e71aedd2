"""Pipelines that measure the brightness and the colour of the frames of a video."""
