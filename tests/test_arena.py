"""Matches: paired openings, whose point is whose, and the statistics against numbers worked out by hand."""

import json
from collections import Counter

import numpy as np
import pytest

import games
from games import text
from selfplay import agents, arena, cli, match, openings, oracle, score
from selfplay.agents import Agent, Thoughts
from selfplay.knowledge.alphabeta import AlphaBeta
from selfplay.knowledge.budget import Budget


def scripted(game, name, choose):
    """An agent that plays choose(legal actions)."""

    def act(states_NW, seeds_N):
        return Thoughts(actions_N=np.array([choose(game.legal_actions(state_W)) for state_W in states_NW]))

    return Agent(name, act)


def naive_match(game, lines, first, last):
    """Points of `first` (plays the first legal action) against `last`, pair by pair, one game after the other."""
    pairs = []
    for line in lines:
        points = 0.0
        for to_move in (0, 1):
            state_W, status = text.replay(game, line)
            side = to_move
            while status == 0:
                legal = game.legal_actions(state_W)
                state_W, status = game.after(state_W, int((legal[0], legal[-1])[side]))
                side = 1 - side
            points += 0.5 if status == 2 else float(side == 1)  # who has just moved, won
        pairs.append(points)
    return pairs


@pytest.mark.parametrize("name", ["connect4", "tictactoe", "connect4:height=4,width=4"])
def test_a_match_equals_games_played_one_by_one(name):
    game = games.make(name)
    first, last = scripted(game, "first", min), scripted(game, "last", max)
    result = arena.play_match(game, first, last, games=60, seed=3)
    expected = naive_match(game, openings.openings(game, 30, 3), first, last)
    counts = Counter(expected)
    assert result.pairs_5 == tuple(counts[half / 2] for half in range(5))
    assert len(set(expected)) > 1
    assert result.games == 60
    assert result.score == pytest.approx(sum(expected) / 60)
    swapped = arena.play_match(game, last, first, games=60, seed=3)
    assert (swapped.wins, swapped.draws, swapped.losses) == (result.losses, result.draws, result.wins)
    assert swapped.pairs_5 == result.pairs_5[::-1]


@pytest.mark.parametrize(("name", "spec"), [("connect4", "alphabeta:depth=2"), ("gomoku9", "alphabeta:depth=1")])
def test_a_deterministic_player_halves_every_pair_with_itself(name, spec):
    game = games.make(name)
    result = arena.play_match(game, agents.make(spec, game), agents.make(spec, game), games=40)
    assert result.pairs_5 == (0, 0, 20, 0, 0)
    assert result.score == 0.5
    assert result.distinct_games <= 20  # both games of a pair are the same game


def test_a_draw_is_not_a_win():
    game = games.make("tictactoe")
    perfect = agents.make("alphabeta:depth=9", game)
    result = arena.play_match(game, perfect, agents.make("alphabeta:depth=9,without=near", game), games=8)
    assert result.wins == result.losses  # each side wins a decided opening once
    assert result.draws >= 4
    assert result.pairs_5 == (0, 0, 4, 0, 0)
    assert result.score == 0.5


def test_matches_repeat_by_seed():
    game = games.make("connect4")

    def played(seed):
        return arena.play_match(game, agents.make("random", game), agents.make("random", game), games=30, seed=seed)

    def facts(result):
        return result.wins, result.pairs_5, result.distinct_games

    one, again = played(1), played(1)
    assert facts(one) == facts(again)
    outcomes = {facts(played(seed)) for seed in range(2, 8)}
    assert len(outcomes) > 1


def test_random_players_get_different_seeds_in_every_game_and_ply():
    seeds = np.concatenate([match._seeds(5, np.arange(500), ply) for ply in range(40)])
    assert len(np.unique(seeds)) == 500 * 40


def test_an_odd_number_of_games_is_refused():
    game = games.make("tictactoe")
    player = agents.make("random", game)
    for number in (0, 1, 7, -2):
        with pytest.raises(ValueError, match="even number of games"):
            arena.play_match(game, player, player, games=number)


def test_agents_that_think_by_the_clock_think_alone():
    game = games.make("connect4")
    busy = []

    def act(states_NW, seeds_N):
        busy.append(1)
        assert len(busy) == 1
        actions_N = np.array([game.legal_actions(state_W)[0] for state_W in states_NW])
        busy.pop()
        return Thoughts(actions_N=actions_N)

    arena.play_match(game, Agent("a", act, ms=5), Agent("b", act), games=40)


def test_stored_openings_are_distinct_drawn_and_open():
    game = games.make("connect4")
    lines = openings.openings(game, 2048, 0)
    assert {len(line) for line in lines} == {4, 5, 6, 7, 8}
    states = [text.replay(game, line)[0] for line in lines]
    assert len({state_W.tobytes() for state_W in states}) == 2048
    assert (oracle.scores(np.array(states[:25])).max(axis=1) == 0).all()


@pytest.mark.parametrize("name", ["gomoku9", "gomoku15", "connect4:height=5,width=6"])
def test_openings_elsewhere_are_distinct_and_undecided(name):
    game = games.make(name)
    lines = openings.openings(game, 40, 1)
    states_NW = np.array([text.replay(game, line)[0] for line in lines])
    assert len({state_W.tobytes() for state_W in states_NW}) == 40
    assert (AlphaBeta(game, Budget(depth=2)).search(states_NW).proven_N == 0).all()
    assert lines == openings.openings(game, 40, 1)
    assert lines != openings.openings(game, 40, 2)
    if game.kind == "gomoku":
        middle = game.width // 2
        assert all(
            max(abs(a // game.width - middle), abs(a % game.width - middle)) <= 3 for line in lines for a in line
        )


def test_kept_openings_are_more_even_than_random_ones():
    game = games.make("gomoku9")
    player = AlphaBeta(game, Budget(depth=2))

    def unevenness(lines):
        states_NW = np.array([text.replay(game, line)[0] for line in lines])
        return np.abs(player.search(states_NW).scores_N).mean()

    rng = np.random.default_rng(0)
    drawn = [line for line, _ in openings._random_lines(game, rng, 100)]
    assert unevenness(openings.openings(game, 40, 1)) < 0.6 * unevenness(drawn)


def test_too_few_openings_are_used_again():
    game = games.make("tictactoe")
    lines = openings.openings(game, 500, 0)
    assert len(lines) == 500
    assert 9 < len({tuple(line) for line in lines}) < 100


# Newcombe 1998: 81 of 263 gives 0.2553 to 0.3662; 0 of 20: 0 to 0.1611; 1 of 29: 0.0061 to 0.1718.
@pytest.mark.parametrize(
    ("wins", "count", "low", "high"), [(81, 263, 0.2553, 0.3662), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)]
)
def test_wilson_against_published_intervals(wins, count, low, high):
    assert score.wilson(wins / count, count) == pytest.approx((low, high), abs=5e-5)


def test_interval_of_pairs_by_hand():
    # Ten lost and ten won pairs vary like twenty coin tosses: Wilson's interval of 10 of 20.
    assert score.interval([10, 0, 0, 0, 10]) == pytest.approx((0.5, 0.2993, 0.7007), abs=1e-4)
    # Twenty halved pairs and the two half pairs: variance 0.25 / 21, so 20 * 21 = 420 tosses; 0.5 +- 0.0476.
    assert score.interval([0, 0, 20, 0, 0]) == pytest.approx((0.5, 0.4524, 0.5476), abs=1e-4)
    # A clean sweep of 50 pairs: 50 of 50 has the lower end 50 / (50 + 1.96 ** 2).
    assert score.interval([0, 0, 0, 0, 50]) == pytest.approx((1, 0.9287, 1), abs=1e-4)
    # 3 + 2 * 1.5 + 4 * 1 + 1 * 0.5 points of 20.
    assert score.interval([0, 1, 4, 2, 3])[0] == pytest.approx((6 + 3 + 4 + 0.5) / 20)


def test_interval_covers_as_often_as_it_says():
    """Pairs drawn from a known distribution: the true score lies inside in about 95 % of matches."""
    rng = np.random.default_rng(0)
    for chances in ([0.1, 0.1, 0.5, 0.2, 0.1], [0.02, 0.03, 0.1, 0.15, 0.7]):
        truth = sum(p * i / 4 for i, p in enumerate(chances))
        inside = 0
        for _ in range(1000):
            _, low, high = score.interval(rng.multinomial(100, chances).tolist())
            inside += low <= truth <= high
        assert 920 < inside < 980


def test_elo_by_hand():
    assert score.elo(0.5) == 0
    assert score.elo(10 / 11) == pytest.approx(400)  # odds of 10
    assert score.elo(0.75) == pytest.approx(190.85, abs=0.01)
    assert score.elo(0.25) == pytest.approx(-190.85, abs=0.01)
    assert score.elo(0) is None and score.elo(1) is None


@pytest.mark.parametrize(("number", "points"), [(100, 68), (400, 34), (1024, 21)])
def test_what_a_match_resolves(number, points):
    assert score.resolution(number) == pytest.approx(points, abs=1)


def test_arena_prints_its_json(capsys):
    argv = ["arena", "random", "rules", "alphabeta:depth=1", "--game", "connect4", "--games", "20", "--json"]
    assert cli.guarded(argv) == 0
    out = capsys.readouterr().out
    record = json.loads(out)
    assert set(record) == {"game", "pairs", "ratings", "seconds_per_move"}
    assert record["game"] == "connect4"
    assert [(pair["a"], pair["b"]) for pair in record["pairs"]] == [
        ("random", "rules"),
        ("random", "alphabeta:depth=1"),
        ("rules", "alphabeta:depth=1"),
    ]
    wanted = ["a", "b", "wins", "draws", "losses", "distinct_games", "score", "score_low", "score_high"]
    wanted += ["elo", "elo_low", "elo_high"]
    for pair in record["pairs"]:
        assert set(wanted) <= set(pair)
        assert pair["wins"] + pair["draws"] + pair["losses"] == 20
        assert pair["score_low"] <= pair["score"] <= pair["score_high"]
    assert [entry["agent"] for entry in record["ratings"]] == ["random", "rules", "alphabeta:depth=1"]
    assert set(record["seconds_per_move"]) == {"random", "rules", "alphabeta:depth=1"}


def test_arena_prints_a_table_and_lets_a_player_meet_its_like(capsys):
    assert cli.guarded(["arena", "rules", "rules", "--game", "connect4", "--games", "10"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 3
    assert any(line.startswith("rules (2) ") for line in out)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["random", "--game", "connect4"], "two agents"),
        (["random", "ruls", "--game", "connect4"], "did you mean 'rules'"),
        (["random", "rules", "--game", "connect5"], "did you mean 'connect4'"),
        (["random", "rules", "--game", "connect4", "--games", "7"], "even number of games"),
        (["random", "rules", "--game", "connect4", "--games", "0"], "even number of games"),
        (["random", "human", "--game", "connect4"], "not in matches"),
        (["random", "rules", "--game", "connect4", "--seed", "-1"], "--seed is at least 0"),
    ],
)
def test_mistakes_cost_one_line(argv, said, capsys):
    assert cli.guarded(["arena", *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err.splitlines()[-1]
