"""Pin the packages: write the lock files from pyproject.toml.

A lock is universal (one file for every system and Python) and hashed, and names no index: each
user's own pip configuration says where packages come from.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from checkpoints.bootstrap import LOCKS, ROOT
from checkpoints.setup import browser, node, postgres
from checkpoints.setup.steps import SetupError, run, say

_STUDENT, _AUTHOR = LOCKS["author"]
_POSTGRES = os.path.relpath(postgres.LOCK, ROOT)
_NODE = os.path.relpath(node.LOCK, ROOT)
_BROWSER = os.path.relpath(browser.LOCK, ROOT)

# cryptography 49 and later have no ready-made package for Macs with an Intel processor.
_CONSTRAINTS = "cryptography<49\n"


def renew(lock: int) -> None:
    """Write the lock files; pins that still fit are kept unless `UPGRADE` is set.

    Raises `SetupError`.
    """
    say("Pinning the packages anew …")
    with tempfile.TemporaryDirectory() as folder:
        python = os.path.join(folder, "venv", "bin", "python")
        constraints = Path(folder, "constraints.txt")
        constraints.write_text(_CONSTRAINTS)
        run([sys.executable, "-I", "-m", "venv", os.path.join(folder, "venv")], lock)
        run([python, "-I", "-m", "pip", "install", "uv"], lock)
        compiler = [
            *(python, "-I", "-m", "uv", "pip", "compile", "--directory", ROOT),
            *("--universal", "--python-version", "3.11", "--generate-hashes"),
            *("--no-emit-index-url", "--no-header", "--no-annotate", "--quiet"),
            *(["--upgrade"] if os.environ.get("UPGRADE") else []),
        ]
        project = [*compiler, "pyproject.toml"]
        run([*project, "--constraints", str(constraints), "-o", _STUDENT], lock)
        # The same package has the same version in both.
        run([*project, "--group", "test", "--constraints", _STUDENT, "-o", _AUTHOR], lock)
        # Only its programs are used, none of its Python.
        run([*compiler, "--group", "postgres", "--no-deps", "-o", _POSTGRES], lock)
        run([*compiler, "--group", "node", "-o", _NODE], lock)
        run([*compiler, "--group", "browser", "--constraints", _AUTHOR, "-o", _BROWSER], lock)
    for name in (_STUDENT, _AUTHOR, _POSTGRES, _NODE, _BROWSER):
        if "://" in Path(ROOT, name).read_text():
            raise SetupError(f"{name} names the place of a package. Ask for it by version instead.")
