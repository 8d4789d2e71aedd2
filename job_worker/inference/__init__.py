"""What runs networks: OpenVINO, threads, prepared models."""
