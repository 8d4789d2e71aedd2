"""Pipelines: what is done with each frame."""
