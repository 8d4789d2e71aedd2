"""One setting for the threads of every library that would otherwise take all cores."""

import os
import sys

__all__ = ["limit_threads"]

# Read by OpenMP, the BLAS libraries under NumPy, and NumExpr when they are loaded, so set before that.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def limit_threads(threads: int) -> None:
    """Hold every library of this process to a number of threads.

    Call it before torch and NumPy are loaded for the environment to count, and again after a library was loaded that
    sets its own number (Ultralytics does, for torch and OpenCV); repeating it is safe. OpenVINO, ONNX Runtime and
    FFmpeg have no setting for a whole process: the detector, the text reader and the video reader give each model and
    each decoder the same number.

    Args:
        threads: Threads for one operation, at least 1.

    Raises:
        ValueError: `threads` is below 1.
    """
    if threads < 1:
        raise ValueError("the number of threads must be at least 1")
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    if cv2 := sys.modules.get("cv2"):
        cv2.setNumThreads(threads)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)
