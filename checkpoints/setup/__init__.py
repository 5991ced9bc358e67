"""The set-up of a fresh machine. It runs before any package is there: standard library only."""
