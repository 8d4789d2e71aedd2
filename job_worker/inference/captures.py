"""Keep the captures of CUDA graphs apart from other threads' use of the GPU."""

import threading

GPU_LOCK = threading.Lock()
"""Held while a graph is captured, and while Ultralytics runs: it waits for the whole GPU, which may break a capture in
another thread."""
