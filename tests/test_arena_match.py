"""Matches: paired openings, whose point is whose, games on record, and equal time."""

import threading
import time
from collections import Counter

import numpy as np
import pytest

import games
from games import record as records
from games import text
from selfplay.arena import ongoing, openings, pacing, tournament
from selfplay.arena.match import play_match
from selfplay.players.agent import Agent, Analysis
from selfplay.players.make import make_agent
from selfplay.report.terminal import match as terminal_match
from selfplay.stats import score


def scripted(game, name, choose):
    """An agent that plays choose(legal actions)."""

    def act(states_NW, seeds_N):
        return Analysis(actions_N=np.array([choose(game.legal_actions(state_W)) for state_W in states_NW]))

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
    result = play_match(game, first, last, games=60, seed=3)
    expected = naive_match(game, openings.openings(game, 30, 3), first, last)
    counts = Counter(expected)
    assert result.pairs_5 == tuple(counts[half / 2] for half in range(5))
    assert len(set(expected)) > 1
    assert result.played == 60
    assert result.score == pytest.approx(sum(expected) / 60)
    swapped = play_match(game, last, first, games=60, seed=3)
    assert (swapped.wins, swapped.draws, swapped.losses) == (result.losses, result.draws, result.wins)
    assert swapped.pairs_5 == result.pairs_5[::-1]


@pytest.mark.parametrize(("name", "spec"), [("connect4", "alphabeta:depth=2"), ("gomoku9", "alphabeta:depth=1")])
def test_a_deterministic_player_halves_every_pair_with_itself(name, spec):
    game = games.make(name)
    result = play_match(game, make_agent(spec, game), make_agent(spec, game), games=40)
    assert result.pairs_5 == (0, 0, 20, 0, 0)
    assert result.score == 0.5
    assert result.distinct_games <= 20  # both games of a pair are the same game


def test_the_interval_counts_distinct_pairs():
    """A board so small that players who do not vary play the same few pairs again and again."""
    game = games.make("connect4:height=2,width=3,k=2")
    first, last = scripted(game, "first", min), scripted(game, "last", max)
    result = play_match(game, first, last, games=200)
    moves = [record.moves for record in result.games]
    distinct = len(set(zip(moves[::2], moves[1::2], strict=True)))
    assert result.distinct_pairs == distinct < 20
    low, high = result.interval
    assert (result.score, low, high) == pytest.approx(score.interval([n * distinct / 100 for n in result.pairs_5]))
    _, narrow_low, narrow_high = score.interval(result.pairs_5)
    assert high - low > 2 * (narrow_high - narrow_low)
    assert f"the interval counts {distinct} distinct pairs" in terminal_match.line_of(result)
    assert result.as_dict()["distinct_pairs"] == distinct
    asked = []

    def until(evidence_5):
        asked.append(sum(evidence_5))
        return False

    play_match(game, first, last, games=200, until=until)
    assert max(asked) == pytest.approx(distinct)


def test_where_all_pairs_are_distinct_nothing_is_scaled():
    game = games.make("connect4")
    result = play_match(game, scripted(game, "first", min), scripted(game, "last", max), games=40)
    assert result.distinct_pairs is None and result.evidence_5 == result.pairs_5
    assert "distinct_pairs" not in result.as_dict()
    assert "interval counts" not in terminal_match.line_of(result)


def test_a_draw_is_not_a_win():
    game = games.make("tictactoe")
    perfect = make_agent("alphabeta:depth=9", game)
    result = play_match(game, perfect, make_agent("alphabeta:depth=9,without=near", game), games=8)
    assert result.wins == result.losses  # each side wins a decided opening once
    assert result.draws >= 4
    assert result.pairs_5 == (0, 0, 4, 0, 0)
    assert result.score == 0.5


def test_matches_repeat_by_seed():
    game = games.make("connect4")

    def played(seed):
        return play_match(game, make_agent("random", game), make_agent("random", game), games=30, seed=seed)

    def facts(result):
        return result.wins, result.pairs_5, result.distinct_games

    one, again = played(1), played(1)
    assert facts(one) == facts(again)
    outcomes = {facts(played(seed)) for seed in range(2, 8)}
    assert len(outcomes) > 1


def test_random_players_get_different_seeds_in_every_game_and_ply():
    seeds = np.concatenate([ongoing._seeds(5, np.arange(500), ply) for ply in range(40)])
    assert len(np.unique(seeds)) == 500 * 40


def test_an_odd_number_of_games_is_refused():
    game = games.make("tictactoe")
    player = make_agent("random", game)
    for number in (0, 1, 7, -2):
        with pytest.raises(ValueError, match="even number of games"):
            play_match(game, player, player, games=number)


def test_every_game_is_on_record_and_replays_to_its_result():
    game = games.make("connect4")
    result = play_match(game, scripted(game, "low", min), scripted(game, "high", max), games=60, seed=3)
    lines = openings.openings(game, 30, 3)
    points = {"low": 0.0, "high": 0.0}
    for number, record in enumerate(result.games):
        assert text.parse_moves(game, record.opening) == lines[number // 2]
        _, actions = record.replayable()
        state_W, status = text.replay(game, lines[number // 2])
        movers = []
        for ply in range(len(lines[number // 2]), len(actions)):
            mover = record.second if ply % 2 else record.first
            legal = game.legal_actions(state_W)
            assert actions[ply] == (legal[0] if mover == "low" else legal[-1])
            movers.append(mover)
            state_W, status = game.after(state_W, actions[ply])
        assert movers[0] == ("low", "high")[number % 2]  # of a pair, `a` goes on from the opening in the first game
        assert status != 0
        for name, wins in ((record.first, records.FIRST_WON), (record.second, records.SECOND_WON)):
            points[name] += 1.0 if record.result == wins else 0.5 if record.result == records.DRAWN else 0.0
    assert points["low"] == result.wins + result.draws / 2
    assert points["high"] == result.losses + result.draws / 2
    assert result.distinct_games == len({record.moves for record in result.games})


class Clocked:
    """Players by the clock that notice who thinks at the same time."""

    def __init__(self, game, choose=min, ms: float | None = 50.0, seconds=0.0):
        self.game, self.choose, self.ms, self.seconds = game, choose, ms, seconds
        self.now = self.most = self.copies = 0
        self.lock = threading.Lock()

    def agent(self, name):
        self.copies += 1
        own = threading.Lock()

        def act(states_NW, seeds_N):
            assert len(states_NW) == 1
            assert own.acquire(blocking=False)  # nobody else thinks with this copy
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            time.sleep(self.seconds)
            actions_N = np.array([self.choose(self.game.legal_actions(state_W)) for state_W in states_NW])
            with self.lock:
                self.now -= 1
            own.release()
            return Analysis(actions_N=actions_N)

        return Agent(name, act, ms=self.ms, clone=lambda: self.agent(name))


def test_by_the_clock_the_same_games_are_played(monkeypatch):
    monkeypatch.setattr(pacing.os, "cpu_count", lambda: 3)
    game = games.make("connect4")
    low, high = scripted(game, "low", min), scripted(game, "high", max)
    clocked = play_match(game, Clocked(game).agent("low"), Clocked(game, max).agent("high"), games=40, seed=2)
    together = play_match(game, low, high, games=40, seed=2)
    assert clocked.games == together.games
    assert clocked.pairs_5 == together.pairs_5


def test_equal_time_has_a_game_on_each_core_and_one_thinker_in_a_game(monkeypatch):
    monkeypatch.setattr(pacing.os, "cpu_count", lambda: 3)
    game = games.make("connect4:height=4,width=4")
    both = Clocked(game, seconds=0.002)
    play_match(game, both.agent("a"), both.agent("b"), games=12)
    assert both.copies == 6
    assert both.most == 3


def test_a_player_by_the_clock_against_one_that_is_not_has_the_machine_to_itself(monkeypatch):
    monkeypatch.setattr(pacing.os, "cpu_count", lambda: 3)
    game = games.make("connect4:height=4,width=4")
    clocked, free = Clocked(game, seconds=0.001), Clocked(game, max, ms=None)
    result = play_match(game, clocked.agent("a"), free.agent("b"), games=8)
    assert clocked.most == free.most == 1
    assert (clocked.copies, free.copies) == (1, 1)
    assert [pace.budget for pace in result.paces] == [0.05, None]


def test_time_is_measured_alike_and_who_takes_more_is_named():
    game = games.make("connect4:height=4,width=4")
    quick, slow = Clocked(game, ms=500, seconds=0.001), Clocked(game, max, ms=2, seconds=0.01)
    result = play_match(game, quick.agent("quick"), slow.agent("slow"), games=4)
    plies = sum(len(text.parse_moves(game, r.moves)) - len(text.parse_moves(game, r.opening)) for r in result.games)
    assert sum(pace.moves for pace in result.paces) == plies
    for pace, seconds in zip(result.paces, (0.001, 0.01), strict=True):
        assert seconds <= pace.mean <= pace.slowest
        assert pace.mean < seconds + 0.05  # a busy machine
    assert not result.paces[0].late
    assert result.paces[1].late
    assert result.paces[1].late_moves == result.paces[1].moves
    (warning,) = tournament.warnings([result])
    assert warning.startswith("slow took more than 2.2 ms in ")


def test_what_is_loaded_at_a_first_answer_is_not_the_players_time():
    game = games.make("connect4:height=4,width=4")
    answers = []

    def act(states_NW, seeds_N):
        answers.append(1)
        time.sleep(0.3 if len(answers) <= 2 else 0)
        return Analysis(actions_N=np.array([min(game.legal_actions(state_W)) for state_W in states_NW]))

    result = play_match(game, Agent("slow start", act, ms=5), Clocked(game).agent("b"), games=4)
    assert result.paces[0].slowest < 0.25
    assert result.paces[0].moves == len(answers) - 2


@pytest.mark.parametrize("ms", [None, 5])
def test_a_player_that_breaks_ends_the_match(ms):
    game = games.make("connect4")
    asked = []

    def act(states_NW, seeds_N):
        asked.append(1)
        if len(asked) > 3:
            raise ValueError("no idea")
        return Analysis(actions_N=np.array([min(game.legal_actions(state_W)) for state_W in states_NW]))

    def broken():
        return Agent("broken", act, ms=ms, clone=broken)

    with pytest.raises(ValueError, match="no idea"):
        play_match(game, broken(), Clocked(game, ms=ms).agent("b") if ms else scripted(game, "b", max), games=40)


@pytest.mark.parametrize("ms", [None, 50])
def test_who_cannot_go_on_loses_and_the_record_says_why(ms):
    game = games.make("connect4")

    def act(states_NW, seeds_N):
        late = {n: "crashed" for n, state_W in enumerate(states_NW) if state_W[-1] >= 10}
        actions = [-1 if n in late else min(game.legal_actions(state_W)) for n, state_W in enumerate(states_NW)]
        return Analysis(actions_N=np.array(actions), forfeits=late)

    def fragile():
        return Agent("fragile", act, ms=ms, clone=fragile)

    other = Clocked(game, max, ms=ms).agent("other") if ms else scripted(game, "other", max)
    result = play_match(game, fragile(), other, games=40)
    given_up = [record for record in result.games if record.note]
    assert len(given_up) > 10
    for record in given_up:
        assert record.note == "fragile crashed"
        assert record.result == ("1-0" if record.second == "fragile" else "0-1")
    assert result.losses >= len(given_up)
    assert sum(result.pairs_5) == 20


def test_a_match_stops_when_it_is_decided():
    game = games.make("connect4")
    asked = []

    def until(pairs_5):
        asked.append(sum(pairs_5))
        return len(asked) == 2

    long = play_match(game, make_agent("random", game), make_agent("rules", game), games=200, seed=4)
    short = play_match(game, make_agent("random", game), make_agent("rules", game), games=200, seed=4, until=until)
    assert asked == [32, 64]
    assert short.played == 128
    assert short.games == long.games[:128]
    never = play_match(game, scripted(game, "a", min), scripted(game, "b", max), games=70, until=lambda pairs_5: False)
    assert never.played == 70


@pytest.mark.parametrize("ms", [None, 50])
def test_whoever_watches_sees_the_games_end(ms):
    game = games.make("connect4")
    seen = []

    def watch(points_G, share):
        assert len(points_G) == 40
        assert 0 <= share <= 1
        seen.append((int((~np.isnan(points_G)).sum()), share))

    choices = {"a": min, "b": max}
    players = [
        Clocked(game, choose, ms=ms).agent(name) if ms else scripted(game, name, choose)
        for name, choose in choices.items()
    ]
    play_match(game, *players, games=40, watch=watch)
    over = [number for number, _ in seen]
    assert over == sorted(over)
    assert over[-1] > 30
    assert seen[-1][1] > 0.9
