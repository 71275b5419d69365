"""Grading against perfect play, with scores known from outside."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import games
from games import text
from selfplay import cli
from selfplay.arena.perfect import conversion, suites
from selfplay.arena.perfect import marks as solved
from selfplay.knowledge import oracle
from selfplay.players.agent import Agent, Analysis
from selfplay.players.make import make_agent

PONS = Path(__file__).resolve().parent / "golden" / "pons"


@pytest.fixture(autouse=True)
def an_empty_cache(tmp_path, monkeypatch):
    """Of scores; that of compiled code stays."""
    monkeypatch.setattr(suites, "user_cache", lambda: tmp_path / "cache" / "selfplay")


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
    for some in suites.random_suites(game, 12, seed=1):
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
    (first,) = suites.read_suites(game, folder)
    assert first.name == "end, easy"
    assert first.scores_NA.max(axis=1).tolist() == [-1, 1]
    monkeypatch.setattr(oracle, "scores", lambda states_NW: pytest.fail("solved again"))
    (again,) = suites.read_suites(game, folder)
    assert (again.scores_NA == first.scores_NA).all()
    file = tmp_path / "one"  # a single file, as an editor on Windows writes it, with remarks
    file.write_bytes(b"\xef\xbb\xbf# from the public set\r\n\r\n" + lines.replace("\n", "  # easy\r\n").encode())
    (alone,) = suites.read_suites(game, file)
    assert (alone.scores_NA == first.scores_NA).all() and (alone.states_NW == first.states_NW).all()


def test_damaged_scores_are_computed_again(tmp_path, capsys):
    game = games.make("connect4")
    suites.random_suites(game, 3, seed=1)
    kept = sorted((tmp_path / "cache" / "selfplay").glob("scores-*.npy"))
    assert len(kept) == 3
    whole = [np.load(path) for path in kept]
    for path in kept:
        os.truncate(path, 100)
    suites.random_suites(game, 3, seed=1)
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
        suites.read_suite(games.make("connect4"), tmp_path / "set")
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


def test_decisions_are_distinct_and_matter():
    game = games.make("connect4")
    *stages, quiet = suites.decision_suites(game, 8, seed=3)
    assert [stage.name for stage in stages] == [f"plies {low}-{low + 5}" for low in range(0, 42, 6)]
    assert [len(stage.states_NW) for stage in stages[:5]] == [8] * 5
    for low, stage in zip(range(0, 42, 6), stages, strict=True):
        plies_N = stage.states_NW[:, 2].astype(int)
        assert ((low <= plies_N) & (plies_N < low + 6)).all()
    states_NW = np.concatenate([stage.states_NW for stage in stages])
    boards = [text.board_of(game, state_W) for state_W in states_NW]
    assert len({min(b.tobytes(), b[:, ::-1].tobytes()) for b in boards}) == len(boards)
    for state_W, scores_A in zip(states_NW, oracle.scores(states_NW), strict=True):
        outcomes = np.sign(scores_A[scores_A != oracle.ILLEGAL])
        assert outcomes.max() > outcomes.min(), text.render(game, state_W)
    assert {state_W.tobytes() for state_W in quiet.states_NW} < {state_W.tobytes() for state_W in states_NW}
    # A winning stone, of the mover or of the other: what a one-ply rule would play.
    for state_W in states_NW:
        board = text.board_of(game, state_W)
        mover = 1 if state_W[2] % 2 == 0 else -1
        at_once = any(makes_four(board, column, side) for column in range(7) for side in (mover, -mover))
        assert at_once != (state_W.tobytes() in {quiet_W.tobytes() for quiet_W in quiet.states_NW})


def makes_four(board, column, side):
    """Whether a stone of `side` in this column makes four in a row; `board` has its top row first."""
    empty = [row for row in range(6) if board[row, column] == 0]
    if not empty:
        return False
    row = max(empty)
    for d_row, d_column in ((0, 1), (1, 0), (1, 1), (1, -1)):
        count = 1
        for sign in (1, -1):
            r, c = row + sign * d_row, column + sign * d_column
            while 0 <= r < 6 and 0 <= c < 7 and board[r, c] == side:
                count, r, c = count + 1, r + sign * d_row, c + sign * d_column
        if count >= 4:
            return True
    return False


def test_what_is_won_is_converted_by_perfect_play_and_not_by_chance(monkeypatch):
    """Known since 1988: the first stone in the middle wins, beside it draws, elsewhere loses. After two plies the first
    player wins, up to the mirror, after d1 with any answer, and after mistakes of the second player."""
    monkeypatch.setattr(conversion, "LONGEST", 2)
    game = games.make("connect4")
    won_GW = conversion.won_openings(game)
    lines = {text.format_moves(game, line): suites.either_way(game, line) for line in ([], *([3, a] for a in range(4)))}
    assert set(lines.values()) <= {min(w.tobytes(), mirrored(game, w).tobytes()) for w in won_GW}
    perfect = conversion.convert(game, make_agent("solver", game))
    assert (perfect.won, perfect.openings) == (len(won_GW), len(won_GW))
    assert conversion.convert(game, make_agent("random", game)).won == 0
    assert conversion.convert(game, make_agent("random", game), openings=3).openings == 3
    assert perfect.as_dict()["converted"] == 1 > perfect.as_dict()["converted_low"] > 0.7


def mirrored(game, state_W):
    columns = [(int(state_W[w]) >> (7 * column)) & 127 for w in (0, 1) for column in range(7)]
    turned = [sum(bits << (7 * (6 - column)) for column, bits in enumerate(columns[7 * w : 7 * w + 7])) for w in (0, 1)]
    return np.array([*turned, state_W[2]], np.uint64)


def test_a_table_of_growing_simulations(monkeypatch, capsys):
    monkeypatch.setattr(conversion, "LONGEST", 0)
    shape = ["--simulations", "0", "8", "--decisions", "3"]
    command = ["eval", "--game", "connect4", "--agent", "net:pretrained", "--table", *shape]
    assert cli.guarded([*command, "--json"]) == 0
    alone, searched = json.loads(capsys.readouterr().out)["rows"]
    assert (alone["simulations"], searched["simulations"]) == (0, 8)
    assert [mark["suite"] for mark in alone["results"]][-1] == "quiet"
    assert alone["conversion"]["openings"] == 1
    # The network alone asks once for each position; a search of 8 simulations once for the root, and 8 times at most.
    each = alone["flops_per_move"]
    convolutions = 2 * 9 * 42 * (4 * 32 + 6 * 32 * 32)  # of resnet:3x32: all but a few percent of the work
    assert convolutions < each < 1.05 * convolutions
    assert 3 * each < searched["flops_per_move"] <= 9 * each
    assert cli.guarded(command) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["outcome", "kept,", "%", "of", "network", "8"]
    assert [line.split("  ")[0] for line in printed[-4:]] == [
        "soonest win, latest loss", "won openings won", "FLOPs a move", "ms a move"
    ]  # fmt: skip
    assert cli.guarded(["eval", "--agent", "rules", "--table"]) == 2
    assert "--table is of a network" in capsys.readouterr().err
