"""The worker's process: loop, API client, lease renewal, child process."""
