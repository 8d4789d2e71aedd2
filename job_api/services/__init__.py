"""The life of a job: submission, dispatch to workers, queries, recovery."""
