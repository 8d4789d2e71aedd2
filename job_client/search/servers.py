"""Where what is known of a server is kept on this host."""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from shared.process.user_folders import user_folder

_NOWHERE = Path(os.devnull)
"""As a folder it cannot be read or written, like a home of somebody else."""

_THIS_HOST = ("localhost", "[::1]", "127.0.0.1")


def folder_of_user(find: Callable[..., Path]) -> Path:
    """Return this user's folder of one kind, in which nothing can be kept where the user has no home.

    Args:
        find: What `platformdirs` finds it with.
    """
    return user_folder(find) or _NOWHERE


def name_of_server(address: str) -> str:
    """Return a file name for a server; this host has one, whatever it is called.

    Args:
        address: The server, host:port.
    """
    host, _, port = address.rpartition(":")
    return quote(f"{_THIS_HOST[0] if host in _THIS_HOST else host}:{port}", safe="")
