"""Read a video: frames, their orientation, and why a file has none. Needs av, numpy and cv2."""
