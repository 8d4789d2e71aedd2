"""One setting for the threads of every library that would otherwise take all cores."""

import os
import sys

from threadpoolctl import threadpool_limits

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""Read by OpenMP, BLAS libraries and NumExpr while they are loaded."""

_WAIT_VARIABLE, _SLEEPING = "OMP_WAIT_POLICY", "PASSIVE"
"""By default OpenMP's threads spin while they wait for each other. Where there are as many as cores, and anything else
runs, they keep the thread that they wait for off its core."""


def limit_threads(threads: int) -> None:
    """Limit every library of this process to a number of threads.

    BLAS and OpenMP libraries that are loaded already are limited directly, those loaded later through the environment,
    OpenCV and torch through their own functions. Call it again after a library was loaded that sets its own number
    (Ultralytics does, for torch and OpenCV); repeating it is safe. Threads of OpenMP libraries that are loaded later
    sleep while they wait, unless the environment says otherwise. OpenVINO and ONNX Runtime have no setting for a
    whole process: the detector and the text reader pass the number to each model.

    Args:
        threads: Threads for one operation, at least 1.

    Raises:
        ValueError: `threads` is below 1.
    """
    if threads < 1:
        raise ValueError("the number of threads must be at least 1")
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    os.environ.setdefault(_WAIT_VARIABLE, _SLEEPING)
    threadpool_limits(threads)
    if cv2 := sys.modules.get("cv2"):
        cv2.setNumThreads(threads)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)
