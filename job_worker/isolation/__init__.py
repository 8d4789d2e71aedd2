"""What the process that decodes videos is kept from: the network, other files, other processes (Linux)."""
