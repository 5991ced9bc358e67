"""Find nginx for lesson 3's proxy, or get it for the tests."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from checkpoints.setup.steps import SetupError, install_with_apt

# On Debian it is not on the PATH of everybody.
PLACES = ("nginx", "/usr/sbin/nginx", "/opt/homebrew/bin/nginx", "/usr/local/bin/nginx")


def find() -> str | None:
    """The path of nginx, or None."""
    found = (shutil.which(place) if "/" not in place else place for place in PLACES)
    return next((path for path in found if path and Path(path).exists()), None)


def how_to_install() -> str:
    """What to type for it on this system."""
    return "brew install nginx" if sys.platform == "darwin" else "sudo apt install nginx"


def require(lock: int) -> None:
    """Return when there is an nginx, installing it where that needs no sudo. Raises `SetupError`."""
    if find() or (install_with_apt("nginx", lock) and find()):
        return
    raise SetupError(
        f"The tests of lesson 3's proxy need nginx. Type  {how_to_install()}  and then the same "
        "command again.  make test-quick  needs no nginx."
    )
