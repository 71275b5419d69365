"""A network is taught: by judges who say what to play (`judges`), or by results alone (`lessons`)."""
