"""Play, look at runs, and step through games in a browser: a small server, and a page that needs nothing else.

The server keeps no game: every request names the position by its moves. The page is plain JavaScript modules
in `static/`, served as they are.
"""
