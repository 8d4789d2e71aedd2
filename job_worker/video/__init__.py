"""Reading video: every displayable frame once, in display order."""
