"""One self-contained page that shows what is in a video."""
