"""`python -m checkpoints`: the CLI behind the Makefile."""

from checkpoints.cli import main

main()
