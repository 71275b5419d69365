"""The finished run that ships: small, whole, as its matches say, and there to be played against and begun from."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import games
from selfplay import cli
from selfplay.players.make import make_agent
from selfplay.run import checkpoint, read
from selfplay.web import catalogue, folders

RUNS = Path(__file__).resolve().parent.parent / "runs"
RUN = RUNS / "example-connect4"


def test_it_is_small():
    assert sum(path.stat().st_size for path in RUN.rglob("*") if path.is_file()) < 3e6


def test_its_crossings_are_those_of_its_matches(capsys):
    assert cli.guarded(["crossover", str(RUN), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    recorded = json.loads((RUN / "crossover.json").read_text())
    assert printed["rungs"] == recorded["rungs"]


def test_its_page_tells_the_story_at_once():
    (summary,) = [run for run in folders.summaries(RUNS) if run["name"] == RUN.name]
    assert not summary["running"]
    assert summary["modified"] < 1_800_000_000  # the date of its training, not that of the clone
    assert "overtakes a program that looks 6 moves ahead" in folders.crossings(RUNS, [RUN.name])["story"]["finding"]
    full = folders.full(RUN)
    assert [stage["words"] for stage in full["stages"]] == ["57 seconds", "5.1 minutes", "20 minutes"]
    assert "overtaken.jsonl" in full["records"]


def test_the_docs_lead_to_each_of_its_ages():
    page = (RUNS.parent / "docs" / "index.md").read_text(encoding="utf-8")
    linked = [int(number) for number in re.findall(r"page:example-connect4@(\d+),sims=100", page)]
    assert linked == list(read.Run(RUN).ages)


def test_each_age_plays():
    game = games.make("connect4")
    for stage in folders.full(RUN)["stages"]:
        spec = catalogue.bounded(RUNS, game, stage["spec"])
        found = make_agent(spec, game).act(game.initial()[None], np.zeros(1, np.uint64))
        assert 0 <= found.actions_N[0] < game.actions


def test_its_moments_name_the_players_in_plain_words():
    games_shown = folders.recorded(RUNS, f"{RUN.name}/overtaken.jsonl")["games"]
    named = [game["names"] for game in games_shown]
    assert named[0] == ["One-ply rules", "The learner after 16 seconds"]
    assert named[3] == ["One-ply rules", "The learner after 6.8 minutes, without search"]
    assert named[-1] == ["A program that looks 6 moves ahead", "The learner after 20 minutes"]


def test_it_is_begun_from_and_not_gone_on_with():
    with pytest.raises(ValueError, match=r"--init .* begins a new run"):
        checkpoint.newest(RUN, ("weights.safetensors", "learner.pt"))
