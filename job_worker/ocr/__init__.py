"""Text reading: what a text reader is, and the engines that are one."""
