"""Grading against perfect play, with scores known from outside."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import games
from games import text
from selfplay import cli
from selfplay.arena import perfect as solved
from selfplay.knowledge import oracle
from selfplay.players.agent import Agent, Analysis
from selfplay.players.make import make_agent

PONS = Path(__file__).resolve().parent / "golden" / "pons"


@pytest.fixture(autouse=True)
def an_empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def always(action):
    return Agent(f"column {action + 1}", lambda states_NW, seeds_N: Analysis(actions_N=np.full(len(states_NW), action)))


def suite(*positions):
    """Positions as (line, scores by column)."""
    game = games.make("connect4")
    states_NW = np.array([text.replay(game, text.parse_moves(game, line))[0] for line, _ in positions])
    return solved.Suite(name="x", states_NW=states_NW, scores_NA=np.array([scores for _, scores in positions]))


# bitbully's documentation: the scores of the empty board, and of the board with a full middle column.
KNOWN = suite(("", [-2, -1, 0, 1, 0, -1, -2]), ("444444", [-1, 0, 1, oracle.ILLEGAL, 1, 0, -1]))


@pytest.mark.parametrize(("action", "mistakes", "fastest"), [(2, 1, 1), (0, 2, 0), (4, 1, 1)])
def test_marks_by_hand(action, mistakes, fastest):
    mark = solved.grade(KNOWN, always(action))
    assert (mark.positions, mark.mistakes, mark.fastest) == (2, mistakes, fastest)


@pytest.mark.parametrize(
    ("scores", "mistake", "fastest"),
    [
        ([5, 9, 3, 0, 0, -2, -4], False, False),  # still wins, but later
        ([9, 9, 3, 0, 0, -2, -4], False, True),
        ([0, 9, 3, 0, 0, -2, -4], True, False),  # a win becomes a draw
        ([-1, 0, -3, -2, -2, -2, -4], True, False),  # a draw becomes a loss
        ([-9, -2, -3, -2, -2, -2, -4], False, False),  # lost anyway, only sooner
        ([-2, -2, -3, -2, -2, -2, -4], False, True),
    ],
)
def test_an_outcome_mistake_changes_the_outcome_and_the_fastest_is_exact(scores, mistake, fastest):
    mark = solved.grade(suite(("", scores)), always(0))
    assert (mark.mistakes, mark.fastest) == (int(mistake), int(fastest))


def test_intervals_of_a_mark():
    record = solved.Mark(suite="x", agent="y", positions=263, mistakes=81, fastest=182, seconds=1).as_dict()
    rates = [record[f"outcome_mistake_rate{end}"] for end in ("", "_low", "_high")]
    assert rates == pytest.approx([81 / 263, 0.2553, 0.3662], abs=5e-5)  # Newcombe 1998
    assert record["keeps_outcome"] == pytest.approx(182 / 263)
    assert [record["fastest_low"], record["fastest_high"]] == pytest.approx([1 - 0.3662, 1 - 0.2553], abs=5e-5)


def test_the_perfect_player_makes_no_mistake_and_random_does():
    game = games.make("connect4")
    for some in solved.random_suites(game, 12, seed=1):
        perfect = solved.grade(some, make_agent("solver", game))
        assert (perfect.mistakes, perfect.fastest) == (0, 12)
        plies_N = some.states_NW[:, 2].astype(int)
        low, high = {"beginning": (0, 14), "middle": (15, 28), "end": (29, 41)}[some.name]
        assert (low <= plies_N).all() and (plies_N <= high).all()
        assert len({state_W.tobytes() for state_W in some.states_NW}) > 8


def test_a_suite_is_read_checked_and_kept(tmp_path, monkeypatch):
    """Two lines of the public set Test_L3_R1."""
    folder = tmp_path / "sets"
    folder.mkdir()
    lines = "2252576253462244111563365343671351441 -1\n7422341735647741166133573473242566 1\n"
    (folder / "Test_L3_R1").write_text(lines)
    game = games.make("connect4")
    (first,) = solved.read_suites(game, folder)
    assert first.name == "end, easy"
    assert first.scores_NA.max(axis=1).tolist() == [-1, 1]
    monkeypatch.setattr(oracle, "scores", lambda states_NW: pytest.fail("solved again"))
    (again,) = solved.read_suites(game, folder)
    assert (again.scores_NA == first.scores_NA).all()
    file = tmp_path / "one"  # a single file, as an editor on Windows writes it, with remarks
    file.write_bytes(b"\xef\xbb\xbf# from the public set\r\n\r\n" + lines.replace("\n", "  # easy\r\n").encode())
    (alone,) = solved.read_suites(game, file)
    assert (alone.scores_NA == first.scores_NA).all() and (alone.states_NW == first.states_NW).all()


def test_damaged_scores_are_computed_again(tmp_path, capsys):
    game = games.make("connect4")
    solved.random_suites(game, 3, seed=1)
    kept = sorted((tmp_path / "cache" / "selfplay").glob("scores-*.npy"))
    assert len(kept) == 3
    whole = [np.load(path) for path in kept]
    for path in kept:
        os.truncate(path, 100)
    solved.random_suites(game, 3, seed=1)
    assert "computed again" in capsys.readouterr().err
    assert all((np.load(path) == scores).all() for path, scores in zip(kept, whole, strict=True))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no positions"),
        ("44 0 1\n", "line 1: not `MOVES SCORE`"),
        ("44 x\n", "line 1: not `MOVES SCORE`"),
        ("7422341735647741166133573473242566 1\n449 0\n", "line 2: move 3: '9' is not a column"),
        ("4444444 0\n", "line 1: move 7, 4: column 4 is full"),
        ("1212121 0\n", "line 1: the game is over"),
        ("7422341735647741166133573473242566 3\n", "line 1: the score is 1, not 3"),
    ],
)
def test_a_bad_suite_is_named_with_its_line(content, said, tmp_path):
    (tmp_path / "set").write_text(content)
    with pytest.raises(ValueError) as error:
        solved.read_suite(games.make("connect4"), tmp_path / "set")
    assert said in str(error.value)
    assert str(tmp_path / "set") in str(error.value)


def test_eval_prints_its_json(capsys):
    assert cli.guarded(["eval", "--agent", "random", "--positions", "8", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["agent"] == "random"
    found = [(entry["suite"], entry["agent"]) for entry in record["results"]]
    assert found == [(s, a) for s in ("beginning", "middle", "end") for a in ("random", "rules", "alphabeta:depth=4")]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--agent", "random", "--game", "gomoku9"], "connect4 (7 x 6) only"),
        (["--agent", "random", "--suite", "nowhere"], "nowhere is not there"),
        (["--agent", "random", "--positions", "0"], "--positions is at least 1"),
        (["--agent", "randon"], "did you mean 'random'"),
    ],
)
def test_mistakes_cost_one_line(argv, said, capsys):
    assert cli.guarded(["eval", *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and said in captured.err and captured.err.count("\n") == 1


@pytest.mark.parametrize("name", ["L1_R1", "L1_R2", "L1_R3", "L2_R1", "L2_R2", "L3_R1"])
def test_scores_of_the_public_sets_are_ours(name):
    game = games.make("connect4")
    rows = [line.split() for line in (PONS / f"Test_{name}").read_text().splitlines()]
    assert len(rows) == 100
    states_NW = np.array([text.replay(game, text.parse_moves(game, moves))[0] for moves, _ in rows])
    assert oracle.scores(states_NW).max(axis=1).tolist() == [int(value) for _, value in rows]
