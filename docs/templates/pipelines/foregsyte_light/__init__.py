"""Pipelines that say how bright and of what colour the frames of a video are."""
