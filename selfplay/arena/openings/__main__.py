"""Makes the stored openings anew: `python -m selfplay.arena.openings [GAME ...]`."""

import sys

import games
from selfplay.arena.openings import FOLDER, STORED, made

for name in sys.argv[1:] or STORED:
    file, count = STORED[name]
    (FOLDER / file).write_text("\n".join(made(games.make(name), count)) + "\n")
    print(f"{file}: {count} openings", file=sys.stderr)
