"""Answers a shell that completes a line of `workbook`; completion.sh is the shell's part.

    python -m checkpoints.completion "workbook lesson 02 --from mis"

prints what the last word can become, one possibility to a line.
"""

from __future__ import annotations

import os
import re
import sys

import typer

from checkpoints.cli import app


def main(line: str) -> None:
    """Print the possibilities. `line` goes up to the cursor and begins with the program's name."""
    # While an option waits for its value, typer forgets the lesson. Written as one word it does not.
    line = re.sub(r"--from\s+(\S*)$", r"--from=\1", line)
    last = len(line.split()) - (not line[-1:].isspace())
    # This is how typer's own script for bash asks; the answer serves zsh too.
    os.environ |= {
        "_WORKBOOK_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(last),
    }
    answering = typer.Typer()  # the CLI itself offers no completion, so it would not answer
    answering.add_typer(app)
    answering(prog_name="workbook")


if __name__ == "__main__":
    main(sys.argv[1])
