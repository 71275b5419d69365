"""What stands behind the names of the package: players, matches and training for Python callers."""
