"""The lessons' reference code and checks, the engine that runs them, and the command line."""
