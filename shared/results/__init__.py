"""The result of one frame: its types, its JSON, its validation."""
