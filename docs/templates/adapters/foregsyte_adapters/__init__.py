"""A storage and a queue that Foregsyte does not ship."""
