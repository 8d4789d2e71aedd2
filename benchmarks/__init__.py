"""Commands behind the claims of speed and robustness: each prints its numbers and fails when a claim does not hold."""
