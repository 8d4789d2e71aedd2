"""The Foregsyte API server: accepts videos, keeps jobs, hands them to workers, answers with results."""
