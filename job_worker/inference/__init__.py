"""What runs networks: OpenVINO, threads, caches."""
