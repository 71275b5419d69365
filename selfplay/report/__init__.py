"""Numbers turned into words, pictures, a page, a terminal view."""
