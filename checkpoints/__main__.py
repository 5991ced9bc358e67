"""`python -m checkpoints`: the CLI behind the Makefile."""

import sys

try:
    from checkpoints.cli import main

    main()
except KeyboardInterrupt:  # before it could be caught
    sys.exit(130)
