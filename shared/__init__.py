"""What both sides of the service need: the contract, settings, errors and logging."""
