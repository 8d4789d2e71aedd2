import platform
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.unit, pytest.mark.worker]

FAULTS = """
import resource
import numpy as np
from job_worker.inference.freed_memory import keep_freed_memory

keep_freed_memory()
faults = []
for _ in range(10):
    images = [np.ones((720, 1280, 3), np.uint8) for _ in range(8)]
    del images
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(faults[-1] - faults[3])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this setting")
def test_images_take_the_memory_of_those_that_were_freed() -> None:
    ended = subprocess.run([sys.executable, "-c", FAULTS], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(ended.stdout) < 675  # the pages of one image; those of all are 32,400
