"""Runs a student's server in its own process and judges it over HTTP, as a ChatKit client would."""
