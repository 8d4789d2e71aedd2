"""The Foregsyte API server: accepts videos, keeps jobs, gives them to workers, answers with results."""
