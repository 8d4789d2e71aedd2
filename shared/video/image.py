"""The pixels of a frame; who only needs an image loads no decoder."""

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""An image: `(H, W, 3)` uint8 BGR, origin top left."""
MAX_FRAME_PIXELS = 8192 * 4320
"""Largest image that is decoded by default: 8K DCI, which takes 106 MB as BGR."""
MAX_WARP_SIDE_PIXELS = 2**15 - 2
"""Longest side of an image that OpenCV warps: its coordinates have 16 bits."""
