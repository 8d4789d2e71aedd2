"""Object detection: what a detector is, and the engines that are one."""
