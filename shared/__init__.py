"""The core that every lesson builds on: what no student has to write.

Importing this package costs nothing; import the module you need (`from shared.store import
SQLiteStore`). It knows nothing of the lessons and nothing of the checks.
"""
