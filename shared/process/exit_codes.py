"""How the processes end, for the scripts and supervisors that start them."""

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """Exit code of a service process.

    Attributes:
        OK: Stopped as asked.
        FAILURE: Stopped by an error that nobody foresaw; the log has it.
        SETTINGS: A setting is wrong; the message names it.
        DATABASE: The database is held by another process, damaged, or newer than the code.
        ADDRESS: The address cannot be listened on.
        MODELS: A model cannot be loaded.
    """

    OK = 0
    FAILURE = 1
    SETTINGS = 2
    DATABASE = 3
    ADDRESS = 4
    MODELS = 5
