"""The Kaggle file computes what the network computes, searches as we do, and plays by Kaggle's rules.

The tests under kaggle-environments run where that package is installed; its many dependencies are not ours.
"""

import functools
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from networks import network_of, onnx_of, outputs, planes_of, random_states, save_weights, softmax

import games
from games import text
from games.game import MOVER_WON, ONGOING
from selfplay import cli
from selfplay.config import SearchConfig
from selfplay.export import kaggle as export_kaggle
from selfplay.export import kaggle_agent
from selfplay.search import timed
from selfplay.search.timed import TimedSearch


def export_file(weights, out):
    return cli.guarded(["export", str(weights), "--format", "kaggle", "--out", str(out)])


@functools.cache
def exported(name, architecture):
    """The content of the file, and the network that it should hold."""
    game = games.make(name)
    network = network_of(game, architecture)
    return export_kaggle.submission(onnx_of(network, game), game, {"game": name}), network


def submission(name="connect4", architecture="resnet:2x8"):
    """The names that the submitted file defines, as Kaggle executes it, and the network in it."""
    content, network = exported(name, architecture)
    file = {}
    exec(content, file)
    return SimpleNamespace(file=file, network=network, game=games.make(name))


@pytest.fixture
def kaggle():
    return submission()


class Clock:
    """Time that passes in calls of the network alone, a millisecond each."""

    def __init__(self, file, row_seconds=0.0):
        self.now, self.rows = 0.0, 0
        evaluate = file["evaluate"]

        def ticking(nodes):
            self.now += 0.001 + row_seconds * len(nodes)
            self.rows += len(nodes)
            evaluate(nodes)

        file["evaluate"] = ticking
        file["time"] = SimpleNamespace(perf_counter=lambda: self.now)


def board_after(moves):
    """Kaggle's board, row-major from the top, and the mark to move, after a text of moves."""
    board = [0] * 42
    for ply, move in enumerate(moves):
        column = int(move) - 1
        row = max(row for row in range(6) if board[7 * row + column] == 0)
        board[7 * row + column] = 1 + ply % 2
    return board, 1 + len(moves) % 2


def asked(file, moves, **other):
    """The agent's answer after `moves` of Connect Four, asked as Kaggle asks."""
    board, mark = board_after(moves)
    return file["agent"](
        SimpleNamespace(board=board, mark=mark, remainingOverageTime=60, step=len(moves)),
        SimpleNamespace(**{"columns": 7, "rows": 6, "inarow": 4, "actTimeout": 2, **other}),
    )


@pytest.mark.parametrize(
    ("name", "architecture"),
    [("connect4", "resnet:2x8"), ("connect4:height=5,width=6,k=3", "resnet:2x8"), ("connect4", "mlp:2x16")],
)
def test_the_submission_computes_what_the_network_computes(name, architecture):
    given = submission(name, architecture)
    states = random_states(given.game, 200, seed=7)
    nodes = [given.file["Node"](int(own), int(mask)) for own, mask, _ in states]
    planes = planes_of(given.game, states)
    assert np.array_equal(given.file["planes_of"](nodes), planes)
    logits, wdl = given.file["forward"](given.file["planes_of"](nodes))
    policy, exact = outputs(given.network, planes)
    assert policy.argmax(axis=1).std() > 0.5  # there is something to agree on
    assert np.abs(softmax(logits) - softmax(policy)).max() < 0.01
    assert np.abs(wdl - exact).max() < 0.01


def test_in_single_precision_the_submission_is_exact(kaggle):
    """Half precision is all that parts the two: with the network's own numbers they agree to the last digits."""
    _, arrays = export_kaggle.graph_of(onnx_of(kaggle.network, kaggle.game))
    rounded = dict(kaggle.file["CONSTANTS"])
    states = random_states(kaggle.game, 50)
    nodes = [kaggle.file["Node"](int(own), int(mask)) for own, mask, _ in states]
    try:
        kaggle.file["CONSTANTS"].update({name: kaggle.file["laid_out"](array) for name, array in arrays.items()})
        logits, wdl = kaggle.file["forward"](kaggle.file["planes_of"](nodes))
    finally:
        kaggle.file["CONSTANTS"].update(rounded)
    policy, expected = outputs(kaggle.network, planes_of(kaggle.game, states))
    assert np.abs(logits - policy).max() < 1e-4
    assert np.abs(wdl - expected).max() < 1e-5


def winning(game, state):
    return [move for move in game.legal_actions(state).tolist() if game.after(state, move)[1] == MOVER_WON]


@pytest.mark.parametrize("name", ["connect4", "connect4:height=5,width=6,k=3"])
def test_its_rules_are_ours(name):
    given = submission(name)
    rng, seen = np.random.default_rng(1), []
    for _ in range(60):
        state, status = given.game.initial(), ONGOING
        node = given.file["Node"](0, 0)
        while status == ONGOING:
            legal = given.game.legal_actions(state).tolist()
            wins = winning(given.game, state)
            threats = winning(given.game, np.array([state[0] ^ state[1], state[1], state[2] + np.uint64(1)], np.uint64))
            said = (1, 1) if wins else (-1, 2) if len(threats) > 1 else (None, 0)
            assert (node.proven, node.plies) == said
            assert node.moves == (threats if len(threats) == 1 and not wins else legal)
            move = int(rng.choice(legal))
            state, status = given.game.after(state, move)
            node = node.child(move)
            assert (node.own, node.mask) == (int(state[0]), int(state[1]))
        assert node.proven == (-1 if status == MOVER_WON else 0)
        seen.append(node.proven)
    assert name != "connect4" or seen.count(-1) > 40


@pytest.mark.parametrize(
    ("moves", "allowed"),
    [
        ("223344", "15"),  # three in a row, open at both ends
        ("1212127", "2"),  # three in a column
        ("2334454515", "5"),  # b1, c2, d3, and e4 is next
        ("12121", "1"),  # the other's three in a column
        ("1223344", "5"),  # the other's three in a row
        ("4433", "25"),  # two in the open: a third wins against every defence
        ("443", "25"),  # and so must be stopped now
    ],
)
def test_wins_are_taken_and_threats_met(kaggle, moves, allowed):
    Clock(kaggle.file)
    answer = asked(kaggle.file, moves, actTimeout=1)
    assert type(answer) is int  # Kaggle's schema takes no numpy number
    assert str(answer + 1) in allowed
    mirrored = asked(kaggle.file, "".join(str(8 - int(move)) for move in moves), actTimeout=1)
    assert str(7 - mirrored) in allowed


@pytest.mark.parametrize("moves", ["", "4", "17", "77"])
def test_its_search_is_ours(kaggle, moves, monkeypatch):
    """The same tree as `TimedSearch`, where both think with the same numbers and for as many calls of the network.

    Where a proof turns up, or a position that its cache holds, the compiled search looks on within the same call: these
    positions have no proofs so soon, and it is given no cache.
    """
    file, game = kaggle.file, kaggle.game
    state, _ = text.replay(game, text.parse_moves(game, moves))
    clock, asked_about = Clock(file), []
    ticking = file["evaluate"]
    file["evaluate"] = lambda nodes: (asked_about.extend(nodes), ticking(nodes))
    clock.now = -0.001  # the root's own evaluation takes no time
    move = file["search"](int(state[0]), int(state[1]), 0.0455)
    root = asked_about[0]

    now = [-0.001]
    monkeypatch.setattr(timed, "time", SimpleNamespace(perf_counter=lambda: max(now[0], 0.0)))

    def evaluate(planes):
        now[0] += 0.001
        logits, wdl = file["forward"](planes)
        return np.ascontiguousarray(logits), np.ascontiguousarray(wdl)

    config = SearchConfig(cache_bits=0)
    result = TimedSearch(game, config, milliseconds=45.5).run(state, evaluate)
    assert len(asked_about) == 1 + root.visits > 100  # a call of the network for every simulation: no proofs
    assert [root.children[action].visits for action in range(7)] == result.visits_NA[0].tolist()
    values = [file["q_of"](root.children[action]) for action in range(7)]
    assert np.allclose(values, result.q_NA[0], atol=1e-5)
    assert move == result.action_N[0]


def test_numbers_of_a_node_by_hand():
    """Equation 33: v_mix = (0.2 + 3 * (0.5 * 0.5 - 0.3 * 0.4) / 0.8) / 4 = 0.171875, and sigma's factor is 5.2."""
    node = kaggle_agent.Node(0, 0)
    node.logits, node.value = {0: np.log(0.5), 1: np.log(0.3), 2: np.log(0.2)}, 0.2
    first, second = node.child(0), node.child(1)
    first.visits, first.total = 2, -1.0  # seen from the other side
    second.visits, second.total = 1, 0.4
    expected = {0: np.log(0.5) + 5.2 * 0.5, 1: np.log(0.3) - 5.2 * 0.4, 2: np.log(0.2) + 5.2 * 0.171875}
    assert kaggle_agent.improved(node) == pytest.approx(expected, abs=1e-6)

    first.proven, leaf = 0, second  # a sure draw, so a lost move elsewhere costs no more than that
    leaf.proven, leaf.plies = 1, 3
    kaggle_agent.backup([node, leaf])
    assert (leaf.total, node.total) == (1.4, 0.0)
    assert node.proven is None
    for child, plies in zip(map(node.child, range(7)), (4, 1, 2, 6, 1, 1, 1), strict=True):
        child.proven, child.plies = 1, plies
    node.settle()
    assert (node.proven, node.plies) == (-1, 7)  # lost, but late
    node.child(2).proven, node.child(3).proven = -1, -1
    node.settle()
    assert (node.proven, node.plies) == (1, 3)  # won, and soon


def solved(game, state, known):
    """(value, plies to the end of the game) for the player to move, by trying everything."""
    key = tuple(state.tolist())
    if key not in known:
        outcomes = []
        for move in game.legal_actions(state):
            after, status = game.after(state, int(move))
            value, plies = (1, 0) if status == MOVER_WON else (0, 0) if status else solved(game, after, known)
            outcomes.append((value if status else -value, plies + 1))
        best = max(value for value, _ in outcomes)
        lengths = [plies for value, plies in outcomes if value == best]
        known[key] = (best, min(lengths) if best == 1 else max(lengths))
    return known[key]


@pytest.mark.parametrize(("name", "most"), [("connect4:height=4,width=4,k=3", -1), ("connect4:height=4,width=4", 0)])
def test_small_games_are_played_out_perfectly(name, most):
    """Given time to prove, it keeps what a position is worth, and makes a lost one last."""
    given = submission(name)
    game, known, values = given.game, {}, []
    Clock(given.file)
    for state in random_states(game, 120, seed=3):
        if state[2] < (5 if game.in_a_row == 3 else 9) or len(game.legal_actions(state)) < 2:
            continue
        value, plies = solved(game, state, known)
        move = given.file["search"](int(state[0]), int(state[1]), given.file["time"].perf_counter() + 0.4)
        after, status = game.after(state, move)
        reached, left = (-1, 0) if status == MOVER_WON else (0, 0) if status else solved(game, after, known)
        assert -reached == value
        assert value != -1 or left + 1 == plies
        values += [value] * (plies > 2)
    assert values.count(most) >= 3


def test_it_answers_in_half_of_its_time_whatever_a_call_costs(kaggle):
    clock = Clock(kaggle.file)
    asked(kaggle.file, "44", actTimeout=0.2)
    assert 0.09 < clock.now <= 0.101 and clock.rows > 200
    slow = submission()
    clock = Clock(slow.file, row_seconds=0.04)
    asked(slow.file, "44")
    assert 0.6 < clock.now <= 1.0


def test_forced_moves_cost_no_time(kaggle):
    clock = Clock(kaggle.file)
    only_column_4 = "".join(f"{a}{b}" * 6 for a, b in ("12", "35", "67"))
    assert asked(kaggle.file, only_column_4) == 3 and clock.rows == 0
    assert asked(kaggle.file, "12121") == 0 and clock.rows == 0


def test_on_any_doubt_it_plays_the_free_column_nearest_the_centre(kaggle):
    assert asked(vars(kaggle_agent), "4") == 3  # the template, which has no network
    assert asked(kaggle.file, "", inarow=5) == 3
    assert asked(kaggle.file, "444444", inarow=5) in (2, 4)
    assert asked(kaggle.file, "44", actTimeout=None) == 3
    small = {"columns": 5, "rows": 4, "inarow": 4, "actTimeout": 2}
    assert kaggle.file["agent"]({"board": [0, 0, 1, 0, 0] * 4, "mark": 1}, small) in (1, 3)


def test_it_plays_legal_games_to_the_end_and_beats_chance(kaggle):
    Clock(kaggle.file)
    rng = np.random.default_rng(0)
    won = 0
    for number in range(6):
        moves, state, status = "", kaggle.game.initial(), ONGOING
        while status == ONGOING:
            if len(moves) % 2 == number % 2:
                move = asked(kaggle.file, moves, actTimeout=0.02)
            else:
                move = int(rng.choice(kaggle.game.legal_actions(state)))
            state, status = kaggle.game.after(state, move)  # raises for an illegal move
            moves += str(move + 1)
        won += status == MOVER_WON and len(moves) % 2 != number % 2
    assert won >= 5


def test_the_file_needs_numpy_alone_and_is_small(tmp_path, capsys):
    save_weights(tmp_path / "weights", network_of(games.make("connect4"), "resnet:3x32"), "connect4")
    out = tmp_path / "submission.py"
    assert export_file(tmp_path / "weights", out) == 0
    assert "probabilities differ from torch's by " in capsys.readouterr().out
    assert out.stat().st_size < 1_000_000
    script = f"""
import json, sys
names = {{}}
exec(open({str(out)!r}).read(), names)
agent = [value for value in names.values() if callable(value)][-1]  # as kaggle-environments chooses
column = agent({{"board": [0] * 42, "mark": 1}}, {{"columns": 7, "rows": 6, "inarow": 4, "actTimeout": 0.1}})
ours = {{"games", "selfplay", "torch", "numba"}} & set(sys.modules)
print(json.dumps([agent.__name__, column, sorted(ours), names["ABOUT"]]))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    name, column, ours, about = json.loads(done.stdout)
    assert (name, ours) == ("agent", []) and column in range(7)
    described = {"game": "connect4", "architecture": "resnet:3x32", "planes": "4", "source": "weights"}
    assert about == about | described


def test_what_a_weights_file_says_of_itself_is_not_run(tmp_path):
    note = '"""\n\'\'\'\nraise SystemExit("run")\n\\'
    network = network_of(games.make("connect4"), "resnet:1x4")
    save_weights(tmp_path / "weights", network, "connect4", {"note": note})
    assert export_file(tmp_path / "weights", tmp_path / "submission.py") == 0
    file = {}
    exec((tmp_path / "submission.py").read_text(), file)
    assert file["ABOUT"]["note"] == note


def test_a_submission_of_another_network_is_found_out():
    game = games.make("connect4")
    network = network_of(game, "resnet:1x4")
    content = export_kaggle.submission(onnx_of(network, game), game, {})
    states = random_states(game, 20)
    assert 0 < export_kaggle.difference(content, network, states, planes_of(game, states)) < 0.01
    with pytest.raises(ValueError, match="probabilities are off by"):
        export_kaggle.difference(content, network_of(game, "resnet:1x4", seed=1), states, planes_of(game, states))


def test_an_operator_that_the_file_does_not_know_is_refused(monkeypatch):
    game = games.make("connect4")
    monkeypatch.delitem(kaggle_agent.OPERATORS, "MaxPool")
    with pytest.raises(ValueError, match="cannot compute the operator MaxPool"):
        export_kaggle.submission(onnx_of(network_of(game, "resnet:1x4"), game), game, {})


def test_under_kaggle_environments(kaggle, tmp_path):
    environments = pytest.importorskip("kaggle_environments", reason="kaggle-environments is not installed")
    save_weights(tmp_path / "weights", kaggle.network, "connect4")
    out = tmp_path / "submission.py"
    assert export_file(tmp_path / "weights", out) == 0
    environment = environments.make("connectx", configuration={"actTimeout": 0.4}, debug=True)
    for players, seat in (([str(out), "random"], 0), (["random", str(out)], 1)):
        final = environment.run(players)[-1]
        assert [state.status for state in final] == ["DONE", "DONE"]
        assert final[seat].reward == 1


# --- mistakes
