"""Evaluation during training: which matches are played, what is written down, and what the files then say."""

import dataclasses
import json
import time

import pytest
import torch
from matches import a_line
from optional import present

import games
from games.record import read
from selfplay.arena import moments, openings
from selfplay.arena import referee as evaluation
from selfplay.arena.match import play_match
from selfplay.config import Config, EvalConfig
from selfplay.ledger import Ledger
from selfplay.network.architectures import build
from selfplay.network.frozen import FrozenNetwork
from selfplay.network.weights import weights_bytes
from selfplay.players.make import make_agent
from selfplay.run import folder
from selfplay.run import read as run_files
from selfplay.stats import crossover
from selfplay.stats.rating import strength
from selfplay.stats.records import EvalLine

LADDER = ("random", "rules", "alphabeta:depth=1", "alphabeta:depth=2", "alphabeta:depth=3")


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(weights_bytes(build(games.make("connect4"), "mlp:1x16"), "connect4"))
    return FrozenNetwork.load(path, games.make("connect4"))


def referee(history=(), minutes=10.0, **settings) -> evaluation.Referee:
    settings = {"opponents": LADDER, "games": 4, "final_games": 6, "simulations": 4} | settings
    return evaluation.Referee(Config(eval=EvalConfig(**settings), seed=5, device="cpu", minutes=minutes), history)


def spent(**amounts) -> Ledger:
    return Ledger(play_flops=2e12, learn_flops=1e12, evaluations=300, games=40, play_seconds=90.0, learn_seconds=10.0,
                  **amounts)  # fmt: skip


def line(agent: str, opponent: str, flops: float, pairs) -> EvalLine:
    """A line of evals.jsonl with these pairs, all of whose games were won or lost."""
    count = sum(pairs)
    score = sum(n * i / 4 for i, n in enumerate(pairs)) / count
    return a_line(
        flops=flops, agent=agent, opponent=opponent, wins=round(2 * count * score), draws=0,
        losses=round(2 * count * (1 - score)), pairs=pairs, distinct_games=2 * count, score=score,
        score_low=score - 0.05, score_high=score + 0.05,
    )  # fmt: skip


def test_an_evaluation_is_a_line_for_each_match_with_what_was_spent(weights):
    ask = referee()
    told = []
    ask = evaluation.Referee(ask.config, on_match_end=told.append)
    lines = ask(weights, spent(), generation=7, final=False)
    assert lines == ask.lines == told
    assert [row.pairing for row in lines] == [
        (agent, opponent) for agent in ("mcts:sims=4", "net") for opponent in LADDER[:3]
    ]
    for row in lines:
        assert (row.generation, row.flops, row.evaluations, row.games, row.seconds) == (
            7, 3e12, 300, 40, 100.0,
        )  # fmt: skip
        assert row.played == 4 == 2 * sum(row.pairs)
        assert row.score == (row.wins + row.draws / 2) / 4
        assert len(ask.results[row.pairing].games) == 4
    assert [row.simulations for row in lines] == [4] * 3 + [0] * 3


def test_the_same_weights_and_seed_play_the_same_games(weights):
    assert referee()(weights, spent(), generation=1, final=False) == referee()(
        weights, spent(), generation=1, final=False
    )


def test_settled_opponents_are_left_out_until_the_end(weights):
    history = [
        line("mcts:sims=4", opponent, flops, [0, 0, 0, 0, 50]) for flops in (1e9, 2e9) for opponent in LADDER[:3]
    ]
    ask = referee(history)
    met = [row.opponent for row in ask(weights, spent(), generation=3, final=False) if row.agent != "net"]
    assert met == list(LADDER[2:])
    final = ask(weights, spent(), generation=4, final=True)
    assert [row.opponent for row in final] == [*LADDER, *LADDER]
    assert {row.played for row in final} == {6}


def test_the_untrained_network_meets_the_weakest_by_search_as_long_as_that_says_something(weights, monkeypatch):
    ask = referee()
    first = ask(weights, Ledger(), generation=0, final=False)
    played = [row.pairing for row in first]
    assert played == [("mcts:sims=4", opponent) for opponent in LADDER[: len(played)]]
    assert {(row.generation, row.flops) for row in first} == {(0, 0.0)}
    # A run that measured it meets whom another one does.
    met = [row.pairing for row in ask(weights, spent(), generation=1, final=False)]
    assert met == [row.pairing for row in referee()(weights, spent(), generation=1, final=False)]

    def count(*scores, minutes=10.0):
        """Of its matches, where they end like this: 2 pairs, both lost for a 0."""
        left = iter(scores)

        def ended(result, spent, *, opponent, generation, simulations):
            return line(result.a, opponent, 0.0, [1, 0, 0, 0, 1] if next(left) else [2, 0, 0, 0, 0])

        monkeypatch.setattr(evaluation, "eval_line", ended)
        return len(referee(minutes=minutes)(weights, Ledger(), generation=0, final=False))

    assert count(1, 1, 1) == count(1, 1, 0) == 3
    assert (count(1, 0), count(0)) == (2, 1)  # stronger ones would say no more
    assert count(1, minutes=1e-9) == 1  # there is no time for more


def test_a_match_by_the_clock_has_as_many_games_as_its_share_of_time_allows(weights):
    # To 100 s of training belong 17.65 s of matches, if those are to be 15 % of all. A game has about 30 plies.
    ask = referee(equal_time=("alphabeta:ms=20",), opponents=(), share=0.15, games=60)
    assert ask._affordable("alphabeta:ms=20", 4.0, 100.0) == 22  # 13.65 s at 0.6 s a game
    assert ask._affordable("alphabeta:ms=20", 17.6, 100.0) == ask._affordable("alphabeta:ms=20", 30.0, 100.0) == 0
    ask = referee(equal_time=("alphabeta:ms=1",), opponents=(), share=0.15)
    # 4 games of about 30 plies of 1 ms: 0.12 s. Of 100 s of training 15 % are 17.6 s of matches.
    (row,) = ask(weights, spent(), generation=1, final=False)
    assert (row.agent, row.opponent) == ("mcts:ms=1", "alphabeta:ms=1")
    assert all(ms > 0 for ms in present(row.ms_per_move))
    assert ask(weights, spent(eval_seconds=17.6), generation=2, final=False) == []
    assert len(ask(weights, spent(eval_seconds=17.6), generation=3, final=True)) == 1
    with pytest.raises(ValueError, match=r"equal_time .* by the clock, as alphabeta:ms=20, not rules"):
        referee(equal_time=("rules",))


def test_matches_at_the_end_have_as_many_games_as_their_share_of_time_allows(weights, monkeypatch):
    """Each match is told to take half a second a round of 4 games; a clock that only they move."""
    clock = 0.0

    def slow(game, a, b, *, games, until, batch, **more):
        nonlocal clock
        rounds = 0
        for rounds in range(1, games // (2 * batch) + 1):
            clock += 0.5
            if until and until([0, 0, rounds * batch, 0, 0]):
                break
        return play_match(game, a, b, games=rounds * 2 * batch, seed=more["seed"])

    monkeypatch.setattr(evaluation, "play_match", slow)
    monkeypatch.setattr(evaluation.time, "perf_counter", lambda: clock)

    def played(**more):
        nonlocal clock
        clock = 0.0
        ask = referee(opponents=("random", "rules"), final_games=16, **more)
        return [row.played for row in ask(weights, spent(), generation=1, final=True)], clock

    # 100 s of training; four matches of up to 2 s. A quarter of the time is enough for all of it.
    assert played() == ([16, 16, 16, 16], 8.0)
    # 4 s: a second for each, two rounds.
    assert played(final_share=0.04) == ([8, 8, 8, 8], 4.0)
    # Never fewer than those of any other evaluation.
    assert played(final_share=0.001) == ([4, 4, 4, 4], 2.0)
    # However long it takes.
    assert played(final_share=0.0) == ([16, 16, 16, 16], 8.0)
    # A run that ends by generations is to repeat, whatever the clock says.
    assert played(final_share=0.04, minutes=0.0) == ([16, 16, 16, 16], 8.0)


def test_a_short_match_leaves_its_time_to_the_others(weights, monkeypatch):
    clock = 0.0

    def of_unequal_length(game, a, b, *, games, until, batch, **more):
        nonlocal clock
        rounds = 0
        for rounds in range(1, games // (2 * batch) + 1):
            clock += 0.01 if b.name == "random" else 1.0
            if until and until([0, 0, rounds * batch, 0, 0]):
                break
        return play_match(game, a, b, games=rounds * 2 * batch, seed=more["seed"])

    monkeypatch.setattr(evaluation, "play_match", of_unequal_length)
    monkeypatch.setattr(evaluation.time, "perf_counter", lambda: clock)
    ask = referee(opponents=("random", "rules"), final_games=16, final_share=0.04)
    found = {row.pairing: row.played for row in ask(weights, spent(), generation=1, final=True)}
    # Of 4 s the first takes 0.04; 3.96 in three parts are 1.3 s: one round; what is left goes to the last.
    assert found == {
        ("mcts:sims=4", "random"): 16, ("mcts:sims=4", "rules"): 4, ("net", "random"): 16, ("net", "rules"): 12,
    }  # fmt: skip


def test_an_evaluation_that_was_broken_off_goes_on_with_the_missing_matches(weights):
    unbroken = referee()(weights, spent(), generation=3, final=True)
    for kept in range(len(unbroken) + 1):
        earlier = [line("net", "random", 1e9, [0, 0, 0, 0, 2])]
        told = []
        ask = evaluation.Referee(referee().config, [*earlier, *unbroken[:kept]], on_match_end=told.append)
        assert ask(weights, spent(), generation=3, final=True) == unbroken
        assert told == unbroken[kept:]
        assert ask.lines == [*earlier, *unbroken]
    # On the way, too: what was played of this evaluation does not decide whom it meets.
    unbroken = referee()(weights, spent(), generation=3, final=False)
    assert referee(unbroken[:2])(weights, spent(), generation=3, final=False) == unbroken


def test_it_says_which_match_of_how_many_is_played(weights):
    shown = []
    ask = evaluation.Referee(referee().config, show_activity=shown.append)
    lines = ask(weights, spent(), generation=3, final=True)
    begun = [now for now in shown if now.share == 0.0 and now.seconds_left]
    assert list(dict.fromkeys((now.done, now.agent, now.opponent) for now in begun)) == [
        (number, *line.pairing) for number, line in enumerate(lines)
    ]
    assert {(now.of, now.games, now.final, now.generation) for now in shown} == {(10, 6, True, 3)}
    assert max(now.share for now in shown) > 0.5
    again = evaluation.Referee(ask.config, lines[:9], show_activity=shown.append)
    shown.clear()
    again(weights, spent(), generation=3, final=True)
    assert {(now.done, now.of) for now in shown} == {(9, 10)}


def test_how_long_matches_take_is_known_before_the_first():
    """A tenth of a second a position for one opponent, and no time for the other."""
    ask = referee(opponents=("random", "rules"), final_games=20, games=20, final_share=0.0)
    slow = ask.opponents["rules"]

    def act(states_NW, seeds_N):
        time.sleep(0.02 * len(states_NW))
        return slow.act(states_NW, seeds_N)

    ask.opponents["rules"] = dataclasses.replace(slow, act=act)
    assert ask.final_seconds(100.0) < 10, "nobody knows"
    ask.rehearse()
    # Two matches of 20 games, in each of which it makes 15 moves of 0.02 s.
    assert ask.final_seconds(100.0) == pytest.approx(2 * 20 * 15 * 0.02, rel=0.3)
    # Games of self-play had 40 plies, and a simulation took 0.2 ms: 4 in a move of the search, one in another.
    ask.hear(Ledger(games=10, positions=400, simulations=100_000, play_seconds=20.0))
    learners = 2 * 20 * 20 * (4 + 1) * 0.0002
    assert ask.final_seconds(100.0) == pytest.approx(2 * 20 * 20 * 0.02 + learners, rel=0.3)


def test_the_time_left_follows_a_slow_match(weights, monkeypatch):
    """The first match was thought to take no time, and takes 4 s a quarter: the end is put off as soon as that is seen,
    and no further."""
    clock, shown = 0.0, []

    def slow(game, a, b, *, games, watch, **more):
        nonlocal clock
        for share in (0.0, 0.25, 0.5, 0.75):
            watch(None, share)
            clock += 4.0
        return play_match(game, a, b, games=games, seed=more["seed"])

    monkeypatch.setattr(evaluation, "play_match", slow)
    monkeypatch.setattr(evaluation.time, "perf_counter", lambda: clock)
    config = referee(opponents=("random",), final_games=4, games=4, final_share=0.0).config
    ask = evaluation.Referee(config, show_activity=shown.append)
    ask(weights, spent(), generation=3, final=True)
    left = [round(now.seconds_left, 1) for now in shown]
    first, second = left[2:5], left[7:10]
    # 12, 8 and 4 s of the first; and the second, of which nothing is known yet.
    assert first == pytest.approx([12.1, 8.1, 4.1], abs=0.05)
    assert second == [12.0, 8.0, 4.0]


def test_a_small_board_has_few_openings(weights):
    shown = []
    config = dataclasses.replace(referee().config, game="tictactoe")
    ask = evaluation.Referee(config, show_activity=shown.append)
    lines = openings.openings(ask.game, 200, 5)
    distinct = len({tuple(line) for line in lines})
    assert distinct < 100
    assert ask._openings(400) == distinct
    assert ask._openings(6) == 3


def test_what_is_written_down_says_when_each_opponent_was_overtaken(tmp_path):
    game = games.make("connect4")
    winner, loser = make_agent("alphabeta:depth=4", game, name="mcts:sims=64"), make_agent("random", game)
    result = play_match(game, winner, loser, games=20)
    rises = [line("mcts:sims=64", "random", 1e10 * 2**i, pairs) for i, pairs in enumerate(
        [[45, 0, 5, 0, 0], [35, 0, 10, 0, 5], [10, 0, 10, 0, 30], [2, 0, 5, 0, 43], [0, 0, 2, 0, 48]]
    )]  # fmt: skip
    record = None
    for count in range(1, 6):
        wins = {("mcts:sims=64", "random"): present(moments.best_win(result))}
        record = moments.write_crossings(tmp_path, game, rises[:count], wins)
        moments.write_forecasts(tmp_path, rises[:count])
    record = present(record)
    assert json.loads((tmp_path / folder.CROSSOVER).read_text()).items() >= record.as_dict().items()
    assert record == crossover.record(rises, "connect4")
    (crossing,) = record.crossings
    assert crossing.overtaken
    assert 1e10 < present(crossing.flops) < 4e10
    forecasts = run_files.forecasts(tmp_path)
    assert forecasts[0].made_at_flops == pytest.approx(1e10)
    assert all(entry.made_at_flops < present(crossing.flops) for entry in forecasts)
    (moment,) = read(tmp_path / folder.OVERTAKEN)  # once, however often it stays overtaken
    assert moment.second == "mcts:sims=64"
    assert moment.result == "0-1"
    line_ahead = next(row for row in rises if row.flops == pytest.approx(present(crossing.ahead_flops)))
    assert moment.note == moments.note_on(
        moment, line_ahead, crossing
    )  # by what is known now, not by what was known then
    equal, sure = (present(each) / 60 for each in (crossing.seconds, crossing.ahead_seconds))
    said = f"network + 64 simulations against random moves: equal at {equal:.1f} minutes, surely ahead at {sure:.1f} "
    assert moment.note.startswith(said)
    shortest = min(len(entry.moves) for entry in result.games if (entry.second, entry.result) == (result.a, "0-1"))
    assert len(moment.moves) == shortest


def test_the_perfect_player_says_where_a_game_was_thrown_away():
    pytest.importorskip("bitbully")
    game = games.make("connect4")
    from games.record import GameRecord

    record = GameRecord(game="connect4", first="A", second="B", moves="4141424", result="1-0")
    remarks = moments.remarks_on(game, record)
    assert all(remark.startswith("B plays") or remark.startswith("A plays") for remark in remarks.values())
    assert 7 not in remarks  # the winning move is no mistake
    # The first player wins after 4 whatever comes (Allis 1988), so B's first move gave nothing away.
    assert 2 not in remarks
    kept = moments.remarks_on(
        game, GameRecord(game="connect4", first="A", second="B", moves="14141424"[:7], result="*")
    )
    assert kept[1] == "A plays 1 and turns a win into a loss; 4 would have kept the win"


def test_strength_is_one_scale_for_learner_and_ladder():
    # 3 wins for each loss are 191 Elo, 9 for each 382.
    lines = [
        line("net", "rules", 1e9, [25, 0, 0, 0, 75]),
        line("net", "alphabeta:depth=4", 1e9, [75, 0, 0, 0, 25]),
        line("net", "alphabeta:depth=4", 1e10, [25, 0, 0, 0, 75]),
    ]
    found = strength(lines)
    assert found.opponents == pytest.approx({"rules": 0.0, "alphabeta:depth=4": 382}, abs=5)
    (first, early), (second, late) = found.learner["net"]
    assert (first, second) == (1e9, 1e10)
    assert (early, late) == pytest.approx((191, 573), abs=8)


def test_a_finished_run_is_measured_anew_as_training_would_have_done_it(tmp_path, capsys):
    from selfplay import cli

    run_dir = tmp_path / "run"
    tiny = ["train", "--config", "tiny", "--game", "connect4", "--run", str(run_dir), "--generations", "5", "--quiet"]
    assert cli.guarded([*tiny, "--eval.opponents", "random", "rules", "--eval.games", "6"]) == 0
    first = folder.read_lines(run_dir / folder.EVALS)
    (run_dir / folder.EVALS).write_text("")
    assert cli.guarded(["measure", str(run_dir)]) == 0
    again = folder.read_lines(run_dir / folder.EVALS)
    for row in (*first, *again):  # another measurement may choose another of two dtypes, and so another game
        assert row["opponent"] in ("random", "rules")
    spent = ("generation", "flops", "evaluations", "games", "seconds", "agent", "opponent", "simulations", "seed")
    assert [[row[name] for name in spent] for row in again] == [[row[name] for name in spent] for row in first]
    assert cli.guarded(["measure", str(run_dir), "--opponents", "alphabeta:depth=1", "--per_decade", "0"]) == 0
    (one, *_), last = folder.read_lines(run_dir / folder.EVALS), folder.read_lines(run_dir / folder.METRICS)[-1]
    assert (one["opponent"], one["generation"]) == ("alphabeta:depth=1", last["generation"])
    assert not (run_dir / folder.FORECASTS).exists()
    capsys.readouterr()
    assert cli.guarded(["measure", str(tmp_path)]) == 2
    assert "is no run folder" in capsys.readouterr().err


def test_two_that_met_only_each_other_have_no_place_on_the_scale():
    ladder = [line("net", "rules", 1e9, [25, 0, 0, 0, 75])]
    apart = [line("mcts:ms=20", "alphabeta:ms=20", 1e9, [0, 0, 0, 0, 50])]
    assert strength([*ladder, *apart]) == strength(ladder)
    joined = strength([*ladder, *apart, line("mcts:ms=20", "rules", 1e9, [10, 0, 0, 0, 40])])
    assert set(joined.opponents) == {"rules", "alphabeta:ms=20"}
    assert set(joined.learner) == {"net", "mcts:ms=20"}
