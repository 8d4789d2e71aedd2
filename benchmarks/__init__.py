"""Commands that measure speed and try robustness; those that check a claim fail where it does not hold."""
