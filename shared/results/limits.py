"""How deep a result may go: the server refuses more, and a worker sees to it before it has analysed a whole video."""

__all__ = ["MAX_NESTING"]

MAX_NESTING = 10
"""How deep objects and lists may be nested, `result` itself being the first: twice what the built-in pipelines use."""
