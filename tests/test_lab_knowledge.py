"""What human knowledge is worth: views, expert, questions and gains where the answer is known, and the tiny preset."""

import json

import numpy as np
import pytest
from naive_knowledge import random_states
from networks import network_of

import games
import selfplay
from games import text
from games.game import DRAW, MOVER_WON
from games.outcome import DRAWN, LOSS, PROVEN_WIN, UNPROVEN, WIN
from selfplay.lab import arms, curves, trainings
from selfplay.lab.experiment import Constant
from selfplay.lab.teaching import concepts, expert, views
from selfplay.lab.teaching.students import Arm, Setting
from selfplay.network.architectures import build, evaluation_flops
from selfplay.players.learned import from_network
from selfplay.search.tree import NONE
from selfplay.train.actor import UNLIMITED, Allowance
from selfplay.train.pool import LocalPool

GAME = games.make("connect4")


def after(*columns):
    return text.replay(GAME, columns)[0]


def test_views_show_the_rules_and_where_lines_are_completed():
    """A cell completes a line if a stone that is put there, wherever it hangs, makes four of the mover's."""
    stones, threats = views.connect4(False), views.connect4(True)
    seen = 0
    for state_W in random_states(GAME, 60, 18, seed=1):
        shown = threats.planes_of(state_W)
        assert np.array_equal(shown[:4], GAME.planes_of(state_W)) and np.array_equal(
            shown[:4], stones.planes_of(state_W)[:4]
        )
        assert not stones.planes_of(state_W)[4:].any()
        for plane in (0, 1):
            for y, x in np.argwhere(shown[0] + shown[1] == 0):
                board_HW = shown[plane].astype(int)
                board_HW[y, x] = 1
                assert shown[4 + plane, y, x] == four(board_HW), (state_W, y, x)
            seen += shown[4 + plane].sum()
        assert not (shown[4:] * (shown[0] + shown[1])).any()
    assert seen > 50


def four(board_HW):
    lines = [
        *board_HW,
        *board_HW.T,
        *(np.diagonal(each, at) for each in (board_HW, board_HW[::-1]) for at in range(-5, 7)),
    ]
    return any("1111" in "".join(map(str, line)) for line in lines)


def test_views_are_of_one_size_and_follow_the_symmetry():
    networks = [build(views.connect4(threats), "resnet:1x4") for threats in (False, True)]
    assert len({sum(p.numel() for p in network.parameters()) for network in networks}) == 1
    game = views.connect4(True)
    for columns in ((3, 3, 2, 2, 4), (0, 6, 0, 6, 0, 6), (1, 1, 3, 3, 6, 2, 6, 2)):
        mirrored = [6 - column for column in columns]
        assert np.array_equal(game.planes_of(after(*mirrored)), game.planes_of(after(*columns))[:, :, ::-1])


def test_the_games_of_an_expert():
    """Each game is walked by what was played: it leads from position to position, and to the result."""
    lesson = expert.play(3, 12, np.random.default_rng(0))
    first = 0
    for length, result in zip(lesson.lengths_G.tolist(), lesson.results_G.tolist(), strict=True):
        last = first + length - 1 - int(lesson.states_MW[first, 2])
        for m in range(first, last):
            nexts = [GAME.after(lesson.states_MW[m], int(a))[0] for a in GAME.legal_actions(lesson.states_MW[m])]
            assert any(np.array_equal(each, lesson.states_MW[m + 1]) for each in nexts)
            assert lesson.outcome_M[m] == 2 - lesson.outcome_M[m + 1]
            if m + 1 < last:
                found_W = GAME.after(lesson.states_MW[m + 1], int(lesson.reply_M[m]))[0]
                assert np.array_equal(found_W, lesson.states_MW[m + 2])
        ends = {GAME.after(lesson.states_MW[last], int(a))[1] for a in GAME.legal_actions(lesson.states_MW[last])}
        assert {WIN: MOVER_WON, DRAWN: DRAW}[int(lesson.outcome_M[last])] in ends
        assert lesson.reply_M[last] == NONE
        assert result == (lesson.outcome_M[last] if length % 2 == 1 else 2 - lesson.outcome_M[last])
        first = last + 1
    assert first == len(lesson.states_MW) and {*lesson.results_G.tolist()} >= {WIN, LOSS}


@pytest.fixture
def config():
    setting = Setting(network="mlp:1x8", simulations=2, depth=2, positions=64, first=1e6, last=1e6, count=1)
    return setting.config(Arm(), seed=0)


def test_an_expert_is_charged_for_its_nodes_and_makes_room_for_self_play(config, monkeypatch):
    game, network = views.connect4(False), build(views.connect4(False), "mlp:1x8")
    each = evaluation_flops(network, game)
    nodes = []
    play = expert.play
    monkeypatch.setattr(expert, "play", lambda *a, **k: nodes.append(play(*a, **k)) or nodes[-1])
    pool = expert.pool(2, 3e7)(game, config, "float32")
    spent, taught = 0.0, 0
    while True:
        before = len(nodes)
        harvests = pool.play(network, taught + 1, 2, UNLIMITED, lambda done, of: None)
        if len(nodes) == before:
            break
        taught += 1
        assert sum(h.evaluations for h in harvests) * each == pytest.approx(
            trainings.NODE_FLOPS * sum(one.nodes for one in nodes[before:]), rel=0.01
        )
        for harvest in harvests:
            assert (harvest.policies_MA.max(axis=1) == 1).all() and np.allclose(harvest.wdl_M3.sum(axis=1), 1)
            spent += each * (harvest.evaluations + 3 * config.learn.replay_ratio * len(harvest.states_MW))
    assert spent == pytest.approx(3e7, rel=0.15) and taught > 1
    saved = pool.state()
    again = expert.pool(2, 3e7)(game, config, "float32")
    again.restore(saved)
    assert again.play(network, taught + 1, 2, UNLIMITED, lambda done, of: None)[0].simulations > 0  # of a search


def test_an_expert_keeps_to_what_is_left(config):
    pool = expert.pool(2, float("inf"))(views.connect4(False), config, "float32")
    network = build(views.connect4(False), "mlp:1x8")
    few = pool.play(network, 1, 2, Allowance(evaluations=400.0), lambda done, of: None)
    assert 10 <= sum(len(harvest.states_MW) for harvest in few) < 60


def test_without_teaching_the_pool_is_self_play(config):
    assert isinstance(expert.pool(2, 0.0)(views.connect4(False), config, "float32"), LocalPool)


@pytest.mark.parametrize(
    ("columns", "piece", "expected"),
    [
        ((3, 0, 3, 0, 3, 1), "win", {3}),
        ((0, 3, 0, 3, 1, 3), "block", {3}),
        ((2, 2, 3, 3), "double", {1, 4}),
        ((1, 1, 3, 3, 6, 2, 6, 2), "handover", {1, 2, 3, 5, 6}),
    ],
)
def test_what_each_rule_says(columns, piece, expected):
    until = concepts.PIECES[: concepts.PIECES.index(piece) + 1]
    left_A, last = concepts.moves(after(*columns), until)
    assert (set(np.flatnonzero(left_A).tolist()), last) == (expected, piece)
    silent_A, _ = concepts.moves(after(*columns), until[:-1])
    assert silent_A.all()
    mirrored_A, _ = concepts.moves(after(*(6 - column for column in columns)), until)
    assert np.array_equal(mirrored_A, left_A[::-1])


def test_who_follows_a_rule_keeps_what_it_decides():
    state_W = after(0, 3, 0, 3, 1, 3)
    values_A = np.array([-1, -1, -1, 0, -1, -1, -1], np.int8)
    for pieces, expected in ((concepts.PIECES, 1.0), (("win",), 1 / 7)):
        assert concepts.kept(state_W[None], values_A[None], pieces) == pytest.approx([expected])


@pytest.mark.parametrize("piece", concepts.PIECES)
def test_a_question_is_decided_by_its_piece_alone(piece):
    oracle = pytest.importorskip("selfplay.knowledge.oracle")
    pytest.importorskip("bitbully", reason="needs bitbully")
    asked = concepts.questions(piece, 4, seed=3)
    assert len(np.unique(asked.states_NW, axis=0)) == 4
    earlier = concepts.PIECES[: concepts.PIECES.index(piece)]
    for state_W, right_A, scores_A in zip(asked.states_NW, asked.right_NA, oracle.scores(asked.states_NW), strict=True):
        legal = GAME.legal_actions(state_W).tolist()
        best = max(np.sign(scores_A[legal]))
        assert [a for a in legal if np.sign(scores_A[a]) == best] == np.flatnonzero(right_A).tolist()
        assert 0 < right_A.sum() < len(legal)
        assert np.flatnonzero(concepts.moves(state_W, earlier)[0]).tolist() == legal
        wins = [a for a in legal if GAME.after(state_W, a)[1] == MOVER_WON]
        assert (wins == np.flatnonzero(right_A).tolist()) == (piece == "win") and (piece == "win" or not wins)
    again = concepts.Questions.from_json(json.loads(json.dumps(asked.as_json())))
    assert np.array_equal(again.states_NW, asked.states_NW) and np.array_equal(again.right_NA, asked.right_NA)
    assert again.answered(again.right_NA.argmax(axis=1)) == 1 and again.answered((~again.right_NA).argmax(axis=1)) == 0


def test_a_player_that_does_not_look_ahead_proves_nothing():
    """A win at once, that the rules show with the first simulations."""
    network, state_W = network_of(GAME, "mlp:1x8"), after(3, 0, 3, 0, 3, 1)
    for look_ahead, expected in ((True, PROVEN_WIN), (False, UNPROVEN)):
        agent = from_network(network, GAME, simulations=8, look_ahead=look_ahead, dtype="float32")
        assert agent.clone is not None
        for player in (agent, agent.clone()):
            found = player.act(state_W[None], np.zeros(1, np.uint64))
            assert found.proven_N is not None and found.proven_N.tolist() == [expected]


X = np.array([1e10, 1e11, 1e12, 1e13])


def line(level, slope, spread=(0.0, 0.1, -0.1)):
    """Shares whose log odds are a straight line, level at 1e10 and a slope per decade; seeds differ in level."""
    return curves.Curve(X, 1 / (1 + np.exp(-(level + slope * np.arange(4.0) + np.array(spread)[:, None]))))


def test_gains_and_plateaus_of_straight_lines():
    """Half a decade ahead at first, as slopes of 2 and 1 are, at 1e10; then half a decade less with each decade."""
    found = arms.gains({"bare": line(0, 2), "told": line(1, 1)}, "bare", 10**6)["told"]
    assert [value for value, _, _ in found.log10_P] == pytest.approx([0.5, 0, -0.5, -1])
    assert found.slope == pytest.approx((-0.5, -0.5, -0.5))
    assert arms.against_0(found.slope) == "below 0"
    bent = curves.Curve(X, np.concatenate([line(0, 2).values_SX[:, :3], line(0, 2).values_SX[:, 2:3]], axis=1))
    assert arms.plateau(bent, line(0, 2), 10**6).value == pytest.approx(0, abs=1e-9)
    assert arms.plateau(line(0, 1), line(0, 2), 10**6).value == pytest.approx(0.5)


def test_which_side_of_a_bound():
    for found, below, above in ((( -1, -2, -0.5), True, False), ((1, 0.5, 2), False, True), ((1, -1, 2), None, None),
                                ((1, None, None), None, None)):  # fmt: skip
        assert (arms.below("", found, 0.0).held, arms.above("", found, 0.0).held) == (below, above)
    assert [arms.against_0(each) for each in ((1, 0.5, 2), (1, -1, 2))] == ["above 0", "undecided"]


def test_events_in_order():
    early, later, late = Constant(1e9, None, 2e9), Constant(4e9, 3e9, 5e9), Constant(9e9, 8e9, None)
    unknown = Constant(None, 9e9, None)
    for events, held in (([early, later, late], True), ([later, early], False), ([late, unknown], None)):
        assert arms.in_order("", dict(zip("abc", events, strict=False))).held is held


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    pytest.importorskip("bitbully", reason="needs bitbully")
    return selfplay.lab.run("knowledge", preset="tiny", out=tmp_path_factory.mktemp("lab") / "k", progress=False)


def test_all_arms_spend_the_same_and_the_page_says_what_came_out(tiny):
    assert tiny.claims[0].held, tiny.claims[0]
    asked = {record["arm"] for record in tiny.records if record["task"] == "measure"}
    assert len(asked) == 6 and "reward only" in tiny.notes[0]
    page = tiny.report.read_text(encoding="utf-8")
    for said in ("odd and even threats", "taught, then self-play", "d log gain / d log compute"):
        assert said in page, said
    for record in (each for each in tiny.records if each["task"] == "measure"):
        assert abs(record["flops"] / record["age"] - 1) < 0.2 and record.outcome.flops > 0
        assert 0 <= record["kept"] <= 1 and 0 <= record["predicts"] <= 1


def test_taught_and_untaught_learn_from_different_games(tiny):
    """An expert's games cost nodes, own ones evaluations, so the same compute buys another number of them."""
    ages = {(each["arm"], each.cell.seed): each["ages"] for each in tiny.records if each["task"] == "train"}
    names = ("bare rules", "taught", "taught, then self-play")
    bare, taught, both = ([age["positions"] for age in ages[name, 0]] for name in names)
    assert bare != taught and bare != both and taught != both
