"""A run folder: written atomically, locked, resumed, read by everyone; every file with a format version."""
