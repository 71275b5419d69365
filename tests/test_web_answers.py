"""The server of the page: what it answers, over real HTTP."""

import base64
import json
import os
import re
import time

import naive_search
import numpy as np
import onnxruntime
import pytest
from networks import onnx_outputs, outputs, planes_of, random_states
from optional import present
from web_server import GAME, RUN, a_record, a_run, add_generation, ask, served, think

import games
from games import record, text
from games.game import ONGOING
from selfplay.knowledge import oracle
from selfplay.network.weights import load_weights
from selfplay.run import activity, checkpoint, checksums, session
from selfplay.run import folder as runs

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from selfplay.web import catalogue, server


def test_the_page_and_its_parts_come_with_their_types_and_ask_nothing_of_other_hosts(port):
    status, headers, _ = ask(port, "GET", "/")
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    static = [path.name for path in (server.Path(server.__file__).parent / "static").iterdir()]
    assert len(static) > 10
    for name in static:
        status, headers, content = ask(port, "GET", f"/static/{name}")
        assert status == 200
        kind = {"js": "text/javascript", "css": "text/css", "html": "text/html", "svg": "image/svg+xml"}
        assert headers["content-type"].startswith(kind[name.rpartition(".")[2]])
        outside = content.replace(b"http://www.w3.org/", b"")
        assert b"http://" not in outside
        assert b"https://" not in outside


def test_games_are_those_of_the_project(port):
    _, _, found = ask(port, "GET", "/api/games")
    by_name = {game["name"]: game for game in found}
    other_rules = {"gomoku:size=15,rule=renju", "gomoku:size=15,rule=caro"}
    assert set(by_name) == {"connect4", "gomoku:size=9", "gomoku:size=15", "tictactoe", *other_rules}
    assert by_name["gomoku:size=15,rule=renju"]["label"] == "Renju 15 × 15"
    assert (by_name["connect4"]["width"], by_name["connect4"]["height"], by_name["connect4"]["in_a_row"]) == (7, 6, 4)
    assert by_name["gomoku:size=15"]["action_is"] == "cell"
    assert by_name["gomoku:size=9"]["also"] == ["gomoku9"]
    assert ask(port, "GET", "/api/players?game=gomoku")[2] == ask(port, "GET", "/api/players?game=gomoku15")[2]


def test_a_position_is_judged_by_the_rules(port):
    def judged(game, moves):
        from urllib.parse import urlencode

        return ask(port, "GET", f"/api/position?{urlencode({'game': game, 'moves': moves})}")

    assert judged("connect4", "4141414")[::2] == (200, {"over": True, "winner": 1, "legal": []})
    assert judged("tictactoe", "a3 a1 b3 b1 c2 c1")[2] == {"over": True, "winner": -1, "legal": []}
    assert judged("tictactoe", "b2 a1 a2 c2 b3 b1 c1 a3")[2] == {"over": False, "winner": 0, "legal": [2]}
    assert judged("tictactoe", "b2 a1 a2 c2 b3 b1 c1 a3 c3")[2] == {"over": True, "winner": 0, "legal": []}
    assert judged("tictactoe", "b2 b2")[0] == 400


def test_players_of_a_game_are_its_ladder_and_the_checkpoints_of_its_runs(port):
    _, _, found = ask(port, "GET", "/api/players?game=connect4")
    ages = {"1": "30 seconds", "2": "1 minute"}
    assert found["runs"] == [{"name": RUN, "generations": [1, 2], "ages": ages}]
    assert {"random", "rules", "alphabeta", "rollout"} <= set(found["ladder"])
    assert ("solver" in found["ladder"]) == oracle.available()
    _, _, found = ask(port, "GET", "/api/players?game=gomoku9")
    assert [(run["name"], run["generations"]) for run in found["runs"]] == [("nine", [1])]
    assert "solver" not in found["ladder"]
    # A run goes by its game's one name, whatever it was begun with.
    assert {run["name"]: run["game"] for run in ask(port, "GET", "/api/runs")[2]}["nine"] == "gomoku:size=9"


def test_ones_own_runs_are_opponents_newest_first(tmp_path):
    for age, name in enumerate(["example-connect4", "d", "a", "c", "b"]):
        run = a_run(tmp_path, name, matches=2 if name != "c" else 0)
        os.utime(run / "checkpoints" / "000002", (1e9 - age, 1e9 - age))
    a_run(tmp_path, "another-game", game="tictactoe")
    found = catalogue.players(tmp_path, catalogue.game(tmp_path, "connect4"))["own"]
    assert [level["name"] for level in found] == ["Yours: d, 1 minute", "Yours: a, 1 minute", "Yours: c"]
    assert [level["spec"] for level in found] == [f"mcts:{name},sims=200" for name in "dac"]


@pytest.mark.parametrize(
    "agent",
    [
        *("random", "rules", "alphabeta:depth=3", "alphabeta:nodes=500", "alphabeta:ms=5", "rollout:sims=50"),
        *(f"net:{RUN}", f"mcts:{RUN},sims=20", f"mcts:{RUN}@1,sims=8", f"mcts:{RUN},ms=10"),
    ],
)
def test_every_agent_answers_with_a_legal_move(port, agent):
    for game_name, moves in (("connect4", "444444"), ("connect4", "")):
        game = games.make(game_name)
        found = think(port, moves, agent)
        state_W, _ = text.replay(game, text.parse_moves(game, moves))
        assert text.parse_action(game, found["move"]) in game.legal_actions(state_W)
        assert sum(found["policy"].values()) == pytest.approx(1, abs=1e-4)


def test_a_network_says_win_draw_and_loss_its_visits_and_the_line_it_expects(port):
    found = think(port, "4435", f"mcts:{RUN},sims=50")
    assert sum(found["visits"].values()) >= 49  # one of the simulations is the root itself
    assert sum(found["wdl"]) == pytest.approx(1, abs=1e-3)
    assert found["wdl"][0] - found["wdl"][2] == pytest.approx(found["value"], abs=1e-3)
    assert found["line"][0] == found["move"]
    assert len(found["line"]) > 1
    assert sum(found["prior"].values()) == pytest.approx(1, abs=1e-3)
    alone = think(port, "4435", f"net:{RUN}")
    assert found["prior"] == pytest.approx(alone["policy"], abs=1e-3)  # what it was before the search
    assert found["worth"].keys() == found["visits"].keys()
    assert think(port, "112233", f"mcts:{RUN},sims=50")["worth"]["4"] == 1.0  # of who is to move, and wins by it
    game = games.make(GAME)
    text.replay(game, text.parse_moves(game, "4435" + "".join(found["line"])))  # raises if it cannot be played


def test_a_proven_win_is_found_and_its_line_wins(port):
    found = think(port, "112233", f"mcts:{RUN},sims=50")  # three at the bottom of columns 1 to 3
    assert (found["move"], found["proven"], found["wdl"]) == ("4", "win", [1.0, 0.0, 0.0])
    assert found["line"] == ["4"]
    found = think(port, "37475", f"mcts:{RUN},sims=50")  # three in the middle with both ends free: no reply holds both
    assert found["proven"] == "loss"
    game = games.make(GAME)
    _, status = text.replay(game, text.parse_moves(game, "37475" + "".join(found["line"])))
    assert status != ONGOING


def test_the_seed_decides_what_is_random(port):
    moves = [think(port, "44", "random", seed=seed)["move"] for seed in range(20)]
    assert len(set(moves)) > 2
    assert moves == [think(port, "44", "random", seed=seed)["move"] for seed in range(20)]
    line = ""
    for _ in range(8):
        line += think(port, line, "random", seed=3)["move"]
    assert len(set(line)) > 2  # lots are drawn anew at every ply


@pytest.mark.skipif(not oracle.available(), reason="needs bitbully")
def test_the_truth_is_that_of_exhaustive_search(port):
    game, rng, memo, seen = games.make(GAME), np.random.default_rng(5), {}, set()
    while len(seen) < 12:
        actions, state_W, status = [], game.initial(), ONGOING
        while status == ONGOING and len(actions) < int(rng.integers(31, 37)):
            actions.append(int(rng.choice(game.legal_actions(state_W))))
            state_W, status = game.after(state_W, actions[-1])
        if status != ONGOING:
            continue
        _, _, found = ask(port, "POST", "/api/truth", {"game": GAME, "moves": text.format_moves(game, actions)})
        assert set(found["moves"]) == {text.format_action(game, int(a)) for a in game.legal_actions(state_W)}
        for move, told in found["moves"].items():
            next_W, status = game.after(state_W, text.parse_action(game, move))
            outcome, plies = naive_search.solve(game, next_W, memo) if status == ONGOING else (-(status == 1), 0)
            expected = {1: "loss", 0: "draw", -1: "win"}[outcome]
            assert told == {"outcome": expected, "plies": plies + 1}
            seen.add((told["outcome"], told["plies"]))


def test_an_opening_is_legal_and_the_seed_decides_it(port):
    game = games.make("connect4")
    found = {ask(port, "GET", f"/api/opening?game=connect4&seed={seed}")[2]["moves"] for seed in range(10)}
    assert len(found) > 5
    for moves in found:
        _, status = text.replay(game, text.parse_moves(game, moves))
        assert status == ONGOING
    assert (
        ask(port, "GET", "/api/opening?game=connect4&seed=3")[2]
        == ask(port, "GET", "/api/opening?game=connect4&seed=3")[2]
    )


def test_a_copied_run_is_as_old_as_it_says_and_does_not_run(tmp_path):
    folder = a_run(tmp_path, "shipped", matches=2)
    (folder / runs.HOLDER).unlink()
    checksums.place(folder / "meta.json").unlink()
    meta = json.loads((folder / "meta.json").read_text())
    meta["sessions"][-1]["started"] = "2026-01-02T03:04:05+00:00"
    (folder / "meta.json").write_text(json.dumps(meta))
    with served(tmp_path) as port:
        (summary,) = ask(port, "GET", "/api/runs")[2]
    assert (summary["running"], summary["modified"]) == (False, 1767323045)  # `date -ud 2026-01-02T03:04:05 +%s`


def test_a_run_is_shown_as_its_files_stand(tmp_path):
    folder = a_run(tmp_path, "growing", matches=2)
    with served(tmp_path) as port, runs.locked(folder):
        (summary,) = ask(port, "GET", "/api/runs")[2]
        assert (summary["name"], summary["generation"], summary["game"], summary["running"]) == (
            "growing", 2, GAME, True,
        )  # fmt: skip
        _, headers, found = ask(port, "GET", "/api/runs/growing")
        assert [match["score"] for match in found["evals"]] == [5 / 40, 10 / 40]
        assert found["curves"]["loss/policy"] == [2.0, 1.0]
        assert found["curves"]["policy/entropy"] == [None, None]
        assert {row["name"] for row in found["health"]} == {"loss/policy", "loss/value"}
        tag = {"If-None-Match": headers["etag"]}
        assert ask(port, "GET", "/api/runs/growing", headers=tag)[0] == 304
        config = present(runs.recorded_config(folder))
        with (folder / "metrics.jsonl").open("a") as file:
            file.write('{"generation": 3, "games"')  # half of a line, as while it is being written
        add_generation(session.OpenRun(folder, config, 2, 2), 3)
        status, _, found = ask(port, "GET", "/api/runs/growing", headers=tag)
        assert status == 200
        assert [match["generation"] for match in found["evals"]] == [1, 2, 3]


def test_what_a_run_does_just_now_is_told_while_it_does_it(tmp_path):
    folder = a_run(tmp_path, "busy", matches=2)
    file = activity.ActivityFile(folder)
    now = activity.Activity(
        kind="matches", generation=3, done=8, of=15, agent="mcts:sims=64", opponent="rules", games=400, final=True,
        seconds_left=125.0,
    )  # fmt: skip

    def told(port):
        (summary,) = ask(port, "GET", "/api/runs")[2]
        return summary["running"], summary["doing"], summary["left"]

    with served(tmp_path) as port:
        assert told(port) == (False, None, None), "the folder was given back, a moment ago"
        with runs.locked(folder):
            assert told(port) == (True, None, None)
            held = (folder / runs.HOLDER).read_text()
        # As a kill leaves it: of a process that can be no more, since no system counts as far.
        (folder / runs.HOLDER).write_text(held.replace(f"process {os.getpid()} ", "process 4194305 "))
        assert told(port) == (False, None, None)
        file.show(now)
        lately = time.time() - 10
        os.utime(folder / runs.ACTIVITY, (lately, lately))
        assert told(port) == (False, None, None)
        (folder / runs.HOLDER).write_text("process 1 on a machine that nobody can ask from here")
        assert told(port)[0]
        file.show(now)
        (folder / runs.HOLDER).write_text(held)
        said = "final matches 9 of 15, about 2 min: network + 64 simulations against one-ply rules, about 400 games,"
        assert told(port) == (True, f"{said} 0% done", "2 min")
        long_ago = time.time() - 1000
        for name in (runs.METRICS, runs.EVALS):
            os.utime(folder / name, (long_ago, long_ago))
        assert told(port)[0], "a match that takes long is no reason to think that nobody trains"
        os.utime(folder / runs.ACTIVITY, (long_ago, long_ago))
        assert told(port) == (False, None, None), "of a run that was killed"
        file.close()
        assert told(port) == (False, None, None)
        (folder / runs.ACTIVITY).write_text('{"kind": "pla')
        assert told(port) == (False, None, None)


def test_matches_are_shown_as_they_end(tmp_path):
    folder = a_run(tmp_path, "measured", matches=2)
    with served(tmp_path) as port:
        (before,) = ask(port, "GET", "/api/runs")[2]
        later = time.time() + 5
        os.utime(folder / runs.EVALS, (later, later))
        (after,) = ask(port, "GET", "/api/runs")[2]
    assert after["modified"] > before["modified"]


def test_long_runs_are_thinned(tmp_path):
    folder = a_run(tmp_path, "long", matches=0)
    lines = [json.dumps({"generation": i, "loss/policy": float(i), "train_flops": 1.0}) for i in range(1, 1001)]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    with served(tmp_path) as port:
        curve = ask(port, "GET", "/api/runs/long")[2]["curves"]["loss/policy"]
    assert len(curve) == 334  # threes of a thousand, and one alone
    assert curve[:2] == [2.0, 5.0]
    assert curve[-1] == 1000.0


def test_crossings_are_those_of_the_matches(port, tmp_path):
    _, _, found = ask(port, "GET", f"/api/crossings?runs={RUN}")
    (rung,) = found["rungs"]
    assert (rung["opponent"], rung["agent"], rung["status"]) == ("rules", "mcts:sims=64", "overtaken")
    # The score passes 20 of 40 in generation 4, at 2 ** 4 * 1e12 FLOPs.
    assert rung["flops_low"] < 2**4 * 1e12 < rung["flops_high"]
    said = rung["words"]
    assert (said["agent"], said["opponent"]) == ("network + 64 simulations", "one-ply rules")
    assert re.fullmatch(r"at 1\.\de13 \[\d\.\de1[23], \d\.\de13\]", said["when"])
    assert re.fullmatch(r"one-ply rules: overtaken at 1\.\de13 training FLOPs", said["marks"]["flops"])
    assert re.fullmatch(r"one-ply rules: overtaken at 2 min of training", said["marks"]["seconds"])
    assert set(said["marks"]) == {"flops", "evaluations", "games", "seconds"}
    status, _, found = ask(port, "GET", f"/api/crossings?runs={RUN},nobody")
    assert status == 404
    apart = "other-game is a run of tictactoe, but tiny of connect4: games, and sizes of boards, share no scale"
    answer = ask(port, "GET", f"/api/crossings?runs={RUN},other-game")[2]
    assert answer == {"rungs": [], "forecasts": [], "story": None, "apart": apart}


def test_the_story_of_a_run_and_its_ages_to_play_against(port):
    """Generation g has trained g times 30 seconds, and two are kept."""
    told = ask(port, "GET", f"/api/crossings?runs={RUN}")[2]["story"]
    assert told["finding"].startswith("From nothing, it overtakes one-ply rules in ")
    (level,) = told["levels"]
    assert level["name"] == "one-ply rules" and level["when"].endswith(("seconds", "minutes"))
    assert len(told["minutes"]) == len(told["elo"]) == len(told["low"]) == len(told["high"])
    assert told["minutes"] == sorted(told["minutes"])
    (stage,) = ask(port, "GET", f"/api/runs/{RUN}")[2]["stages"]
    assert stage == {"spec": f"mcts:{RUN}@2,sims=64", "words": "1 minute"}


def test_recorded_games_are_listed_and_read_and_bad_lines_left_out(port):
    _, _, found = ask(port, "GET", "/api/records")
    assert [(each["file"], each["games"]) for each in found] == [("match.jsonl", 2), (f"{RUN}/overtaken.jsonl", 1)]
    _, _, found = ask(port, "GET", f"/api/records/{RUN}/overtaken.jsonl")
    (game,) = found["games"]
    assert (game["moves"], game["result"]) == ("1212121", "1-0")
    assert game["comments"] == {"6": "One more, and it is over."}


def test_files_of_games_that_other_programs_wrote(tmp_path):
    (tmp_path / "x.psq").write_text("Piskvorky 9x9, 0:0, 0\n5,5,0\n5,6,0\n")
    (tmp_path / "y.sgf").write_text("(;GM[4]SZ[9]PB[Anna];B[ee])(;GM[4]SZ[9];B[aa])")
    (tmp_path / "r.lib").write_bytes(b"\xffRenLib\xff")
    with served(tmp_path) as port:
        _, _, found = ask(port, "GET", "/api/records")
        assert [(each["file"], each["games"], each["game"]) for each in found] == [
            ("x.psq", 1, "gomoku:size=9"),
            ("y.sgf", 2, "gomoku:size=9"),
        ]
        assert ask(port, "GET", "/api/records/x.psq")[2]["games"][0]["moves"] == "e5 e4"
        assert ask(port, "GET", "/api/records/y.sgf")[2]["games"][0]["first"] == "Anna"


def test_a_file_of_games_is_read_anew_when_it_has_grown(tmp_path):
    with served(tmp_path) as port:
        for count, moves in enumerate(("12", "44352"), start=1):
            record.append(tmp_path / "match.jsonl", [a_record(moves)])
            _, _, found = ask(port, "GET", "/api/records/match.jsonl")
            assert (found["total"], found["games"][-1]["moves"]) == (count, moves)


@pytest.mark.parametrize(("game", "of"), [(GAME, RUN), (GAME, f"{RUN}@1"), ("gomoku9", "nine")])
def test_the_network_of_a_run_is_handed_out(root, port, game, of):
    status, _, found = ask(port, "GET", f"/api/network?game={game}&of={of}")
    assert status == 200
    network, _ = load_weights(checkpoint.resolve(str(root / of)))
    planes = planes_of(games.make(game), random_states(games.make(game), 5))
    policy, wdl = outputs(network, planes)
    session = onnxruntime.InferenceSession(base64.b64decode(found["onnx"]))
    found_policy, found_wdl = onnx_outputs(session, planes)
    assert np.allclose(found_policy, policy, atol=1e-4)
    assert np.allclose(found_wdl, wdl, atol=1e-4)
