"""A storage plugin and a queue plugin for Foregsyte."""
