"""Rendered frames of things that carry text or code, with a box for each of them.

Everything is drawn from one `numpy.random.Generator`, so a seed and a number say what a frame shows. Images are RGB,
uint8, height x width x 3; patches have an alpha channel besides. Coordinates are pixels, x before y.
"""
