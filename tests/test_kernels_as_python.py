"""Players, searches and a generation of self-play, compiled and as plain Python: the same moves.

As Python an index out of range raises, whole numbers warn when they wrap round, and lines can be counted: `make
coverage` counts the kernels' here.
"""

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent

# Plays games between two sides of each player, from openings by lot, and prints every move.
PLAY = """
import json, sys, warnings
warnings.filterwarnings("ignore", "overflow encountered", RuntimeWarning)  # hashes wrap round on purpose
import numpy as np
import games
from games.game import ONGOING
from selfplay.players.make import make_agent

answers = []
for name, spec, openings, plies in json.loads(sys.argv[1]):
    game = games.make(name)
    agent = make_agent(spec, game)
    for opening in range(openings):
        rng = np.random.default_rng(opening)
        state_W, status, played = game.initial(), ONGOING, []
        for ply in range(plies):
            if ply < 3 * opening:
                action = int(rng.choice(game.legal_actions(state_W)))
            else:
                action = int(agent.act(state_W[None], np.array([ply], np.uint64)).actions_N[0])
                played.append(action)
            state_W, status = game.after(state_W, action)
            if status != ONGOING:
                break
        answers.append([name, spec, opening, played])
print(json.dumps(answers))
"""

# A generation of self-play with a network that knows nothing, whose answers are the same wherever they are computed.
SELFPLAY = """
import json, sys, warnings
warnings.filterwarnings("ignore", "overflow encountered", RuntimeWarning)
import numpy as np
import games
from selfplay.config import Config, PlayConfig, SearchConfig
from selfplay.search.evaluate import uniform
from selfplay.train.actor import Actor

found = []
for name, considered, lopsided in (("tictactoe", 9, 1.0), ("connect4", 4, 0.1)):
    game = games.make(name)
    config = Config(
        game=name,
        search=SearchConfig(
            simulations=8, fast_simulations=4, full_fraction=0.5, max_considered_actions=considered, cache_bits=6
        ),
        play=PlayConfig(games=4, opening_plies=3, temperature_plies=4, max_opening_value=lopsided),
    )
    actor = Actor(game, config, uniform(game), 30)
    for generation in range(2):
        harvest = actor.play(np.random.SeedSequence([7, generation]))
    again = Actor(game, config, uniform(game), 30)
    again.restore({key: value.copy() for key, value in actor.state().items()})
    found.append([name, harvest.states_MW.tolist(), harvest.facts_M["action"].tolist(), harvest.facts_M["z"].tolist(),
                  harvest.lengths.tolist(), harvest.simulations, harvest.redrawn])
print(json.dumps(found))
"""

PLAYERS = [
    ["connect4", "random", 1, 42],
    ["connect4", "rules", 3, 42],
    ["connect4", "alphabeta:depth=5", 4, 42],
    ["connect4", "alphabeta:nodes=400,without=zugzwang", 2, 42],
    ["connect4", "alphabeta:preset=alphazero-jl,depth=3", 2, 42],
    ["connect4", "rollout:sims=60", 2, 30],
    ["connect4", "mcts:pretrained,sims=24", 2, 30],
    ["connect4", "mcts:pretrained,sims=24,rule=puct", 2, 30],
    ["connect4:height=4,width=5", "alphabeta:depth=6", 2, 20],
    ["gomoku:size=7", "rules", 3, 30],
    ["gomoku:size=7", "alphabeta:nodes=120", 3, 30],
    ["gomoku:size=9,rule=standard", "alphabeta:nodes=40", 3, 24],
    ["gomoku9", "mcts:pretrained,sims=16", 2, 20],
    ["gomoku15", "alphabeta:nodes=60", 3, 40],
    ["tictactoe", "alphabeta:depth=9", 2, 9],
    ["tictactoe", "rollout:sims=40", 1, 9],
    ["hex:size=5", "rules", 2, 25],
    ["hex:size=5", "alphabeta:depth=2", 2, 25],
]


@functools.cache
def third_game():
    """A copy of the file, whose compiled code is cached by its place: other tests import it under another name."""
    return shutil.copy(HERE / "third_game.py", tempfile.mkdtemp())


def printed(source, *arguments, **environment):
    """What a fresh interpreter prints that runs `source`."""
    run = subprocess.run(
        [sys.executable, "-c", source, *arguments],
        env=os.environ | {"SELFPLAY_GAMES": third_game()} | environment,
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


@pytest.mark.timeout(900)
def test_players_make_the_same_moves():
    compiled = printed(PLAY, json.dumps(PLAYERS))
    assert len(compiled) == sum(openings for _, _, openings, _ in PLAYERS)
    assert printed(PLAY, json.dumps(PLAYERS), NUMBA_DISABLE_JIT="1") == compiled


@pytest.mark.timeout(900)
def test_self_play_is_the_same():
    compiled = printed(SELFPLAY)
    assert [len(states) >= 30 for _, states, *_ in compiled] == [True, True]
    assert printed(SELFPLAY, NUMBA_DISABLE_JIT="1") == compiled
