"""A worker without models: `python -m benchmarks.cheap_worker`, with the flags of `foregsyte-worker`.

All of it is the real worker - its loop, its child process, its video reader, its results - but in place of the models
stands a stamp of each frame's pixels, so that a restart takes no time for loading and every wrong, doubled or missing
frame changes the results.

As in the real one, the main module imports nothing that starts a thread: the child process imports it before it is
isolated.
"""

if __name__ == "__main__":
    from benchmarks.cheap_pipelines import main

    raise SystemExit(main())
