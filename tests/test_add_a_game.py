"""docs/add-a-game.md, followed: its file is tests/third_game.py, word for word, and is a whole game."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import games
import games.registry
from games.game import Side
from games.laws import check_laws
from games.text import format_action, parse_moves, render, replay
from selfplay.players.make import make_agent

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def hex5(monkeypatch):
    """Hex registered for one test, so that others do not meet it among the known games."""
    monkeypatch.setattr(games.registry, "_FACTORIES", dict(games.registry._FACTORIES))
    monkeypatch.delitem(sys.modules, "third_game", raising=False)
    importlib.import_module("third_game")
    return games.make("hex:size=5")


def test_the_page_shows_the_tested_file():
    page = (ROOT / "docs" / "add-a-game.md").read_text(encoding="utf-8")
    assert f"```python\n{(ROOT / 'tests' / 'third_game.py').read_text(encoding='utf-8')}```\n" in page


def test_it_obeys_the_laws(hex5):
    check_laws(hex5)
    check_laws(games.make("hex:size=8"), plays=5)


def joined(board_HW, player):
    """Whether 1 joins top and bottom, or -1 left and right; a flood fill on sets."""
    own_HW = board_HW == player if player == 1 else (board_HW == player).T
    size = len(own_HW)
    reached = {(0, column) for column in range(size) if own_HW[0, column]}
    frontier = list(reached)
    while frontier:
        row, column = frontier.pop()
        for step in ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, 1), (1, -1)):
            cell = (row + step[0], column + step[1])
            if all(0 <= index < size for index in cell) and own_HW[cell] and cell not in reached:
                reached.add(cell)
                frontier.append(cell)
    return any(row == size - 1 for row, _ in reached)


def test_it_agrees_with_a_naive_twin(hex5):
    rng = np.random.default_rng(0)
    winners = []
    for _ in range(60):
        state_W, status, board_C, player = hex5.initial(), games.ONGOING, np.zeros(25, int), 1
        while status == games.ONGOING:
            action = int(rng.choice(hex5.legal_actions(state_W)))
            state_W, status = hex5.after(state_W, action)
            board_C[action] = player
            assert (status == games.MOVER_WON) == joined(board_C.reshape(5, 5), player)
            player = -player
        winners.append(-player)
    assert set(winners) == {1, -1}


def test_it_is_found_by_name_text_and_gymnasium(hex5):
    assert "hex" in games.names() and hex5.name == "hex:size=5"
    with pytest.raises(ValueError, match="hex cannot have size=9: size is 2 to 8"):
        games.make("hex:size=9")
    state_W, status = replay(hex5, parse_moves(hex5, "c1 a1 c2 a2 c3 a3 c4 a4 c5"))
    assert status == games.MOVER_WON
    assert render(hex5, state_W).splitlines()[0] == " 5 . . X . ."
    env = gymnasium.make("selfplay/Gomoku-v0", game="hex:size=5", opponent="random")
    _, info = env.reset(seed=0)
    reward, terminated = 0.0, False
    while not terminated:
        _, reward, terminated, _, info = env.step(env.action_space.sample(info["action_mask"]))
    assert info["result"] in ("win", "loss") and abs(float(reward)) == 1


def test_the_search_plays_it(hex5):
    """No player needs to know the new game: each of them finds the one move that joins the sides."""
    state_W, _ = replay(hex5, parse_moves(hex5, "c1 a1 c2 a2 c3 a3 c4 d5"))
    seeds_N = np.arange(4, dtype=np.uint64)
    for spec in ("rollout:sims=400", "rules", "alphabeta:depth=2", "alphabeta:nodes=100", "alphabeta:ms=5"):
        played = make_agent(spec, hex5).act(np.stack([state_W] * 4), seeds_N).actions_N
        assert [format_action(hex5, action) for action in played.tolist()] == ["c5"] * 4


def selfplay(folder, *argv, **environment):
    """The command, from another folder than the project's, with the page's file lying there as hex.py."""
    (folder / "hex.py").write_text((ROOT / "tests" / "third_game.py").read_text(encoding="utf-8"), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SELFPLAY_GAMES": str(folder / "hex.py"), **environment}
    command = [sys.executable, "-m", "selfplay", *argv]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280)


def test_the_page_s_command_trains_it_to_a_crossover_table(tmp_path):
    """Cut to seconds: one small generation of a small network."""
    page = (ROOT / "docs" / "add-a-game.md").read_text(encoding="utf-8")
    assert "selfplay train --game hex --minutes 1 " in page
    small = "--network.architecture mlp:1x16 --network.dtype float32 --search.simulations 4 --threads 1 --play.games 8 "
    small += "--play.positions 60 --replay.minimum 64 --learn.batch 16 --eval.games 2 --eval.final_games 10"
    done = selfplay(tmp_path, "train", "--game", "hex", "--generations", "1", *small.split())
    assert done.returncode == 0, done.stderr
    table = done.stdout[done.stdout.index("overtaken (training FLOPs)") :].splitlines()
    rows = {tuple(line.split()[:2]) for line in table[1:7]}
    ladder = ("rules", "alphabeta:depth=2", "alphabeta:depth=4")
    assert rows == {(player, opponent) for player in ("mcts:sims=64", "net") for opponent in ladder}
    recorded = json.loads((tmp_path / "runs" / "hex-size=5" / "crossover.json").read_text())
    assert recorded["game"] == "hex:size=5"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ("nowhere.py", "SELFPLAY_GAMES names 'nowhere.py', which is no Python file"),
        ("broken.py", "SELFPLAY_GAMES: broken.py cannot be read: ZeroDivisionError"),
        (f"hex.py{os.pathsep}twin/hex.py", "SELFPLAY_GAMES names two files called hex.py"),
        ("", "unknown game 'hex'"),
    ],
)
def test_a_mistake_in_the_file_is_said_in_one_line(tmp_path, files, said):
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "twin").mkdir()
    (tmp_path / "twin" / "hex.py").write_text("")
    done = selfplay(tmp_path, "arena", "random", "rules", "--game", "hex", "--games", "2", SELFPLAY_GAMES=files)
    assert done.returncode == 2
    assert said in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_pickle_of_an_added_game_is_read_where_nobody_named_its_file(tmp_path):
    """A game, an environment with it and one deep copy, written by one process and read by another."""
    write = """
import copy, games, gymnasium, pickle
game = games.make("hex:size=4")
env = gymnasium.make("selfplay/Gomoku-v0", game="hex:size=4", first="agent")
env.reset(seed=1)
env.step(5)
with open("hex.pickle", "wb") as file:
    pickle.dump((game, copy.deepcopy(env)), file)
"""
    read = "import pickle; game, env = pickle.loads(open('hex.pickle', 'rb').read());"
    read += "print(game.name, env.unwrapped.game == game, game.plies(env.unwrapped._state_W))"
    (tmp_path / "hex.py").write_text((ROOT / "tests" / "third_game.py").read_text(encoding="utf-8"), encoding="utf-8")
    for code, added in ((write, "hex.py"), (read, "")):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "SELFPLAY_GAMES": added}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, done.stderr
    assert done.stdout == "hex:size=4 True 2\n"


def test_a_colour_is_written_as_on_pages():
    assert Side("Red", "#d8433b").rgb == (216, 67, 59)
    with pytest.raises(ValueError, match="#rrggbb"):
        Side("Red", "red")
