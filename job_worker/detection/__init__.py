"""Object detection: the port of detectors and its adapters."""
