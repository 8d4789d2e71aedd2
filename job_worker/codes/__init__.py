"""Code reading: the port of code readers and its adapter."""
