"""The store of played matches: who is known again, what is kept, and what a kill leaves."""

import json
from dataclasses import replace

import pytest
import torch
from optional import present

import games
from games import record as records
from selfplay.arena import store, tournament
from selfplay.network.architectures import build
from selfplay.network.weights import weights_bytes
from selfplay.players import make
from selfplay.players.spec import Spec

GAME = games.make("tictactoe")


def weights(path, seed):
    torch.manual_seed(seed)
    path.write_bytes(weights_bytes(build(GAME, "mlp:1x16"), GAME.name))
    return path


def never(*_, **__):
    raise AssertionError("a match is played that was played before")


def entrant(text, identity: str | None = "the same"):
    """A player that goes by its spec, or by another identity."""
    return store.Entrant(text, text if identity == "the same" else identity, lambda: make.make_agent(text, GAME))


def played(kept, a="rules", b="random", **more):
    return kept.match(GAME, entrant(a), entrant(b), **{"games": 4, "seed": 1, **more})


def test_a_match_is_played_once(tmp_path, monkeypatch):
    first = played(store.MatchStore(tmp_path / "m.jsonl"))
    monkeypatch.setattr(store, "play_match", never)
    monkeypatch.setattr(make, "make_agent", never)  # nor is anyone made for it
    again = played(store.MatchStore(tmp_path / "m.jsonl"))
    assert again == replace(first, games=())
    assert (again.a, again.b, again.played, again.seed) == ("rules", "random", 4, 1)
    assert again.paces[0].moves > 0 and again.paces[0].mean == first.paces[0].mean


def test_a_match_from_the_file_goes_by_the_names_it_is_asked_for(tmp_path):
    kept = store.MatchStore(tmp_path / "m.jsonl")
    played(kept)
    ours, theirs = replace(entrant("rules"), name="mcts:sims=4"), replace(entrant("random"), name="them")
    again = kept.match(GAME, ours, theirs, games=4, seed=1)
    assert (again.a, again.b, again.games) == ("mcts:sims=4", "them", ())


@pytest.mark.parametrize("other", [{"games": 6}, {"seed": 2}, {"a": "random", "b": "rules"}, {"b": "rules"}])
def test_another_match_is_another(tmp_path, other):
    kept = store.MatchStore(tmp_path / "m.jsonl")
    played(kept)
    played(kept, **other)
    assert len(kept) == len(store.MatchStore(tmp_path / "m.jsonl")) == 2


def test_another_game_or_version_is_another_match(tmp_path):
    kept = store.MatchStore(tmp_path / "m.jsonl")
    played(kept)
    key = store.match_key(GAME, "rules", "random", games=4, seed=1)
    assert key is not None and kept.get(key) is not None
    assert kept.get(replace(key, game="connect4")) is None
    assert kept.get(replace(key, version="0.0.1")) is None


def test_a_learned_player_is_known_by_its_weights_wherever_they_lie(tmp_path):
    here, copy, other = tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "c.safetensors"
    copy.write_bytes(weights(here, 0).read_bytes())
    weights(other, 1)

    def identity(text):
        return store.identity(Spec.parse(text), GAME)

    assert identity(f"mcts:{here},sims=4,rule=puct") == identity(f"mcts:{copy},rule=puct,sims=4")
    assert identity(f"mcts:{here},sims=4") != identity(f"mcts:{other},sims=4")
    assert identity(f"mcts:{here},sims=4") != identity(f"mcts:{here},sims=8") != identity(f"net:{here}")
    assert "a.safetensors" not in present(identity(f"net:{here}"))
    with pytest.raises(ValueError, match="no run folder or weights file"):
        identity("net:nowhere")


@pytest.mark.parametrize("spec", ["alphabeta:ms=5", "mcts:nowhere,ms=5", "engine:program,ms=5", "human"])
def test_who_may_play_otherwise_the_next_time_has_no_identity(spec):
    assert store.identity(Spec.parse(spec), GAME) is None


def test_a_match_of_someone_without_identity_is_played_and_not_kept(tmp_path):
    kept = store.MatchStore(tmp_path / "m.jsonl")
    result = kept.match(GAME, entrant("rules"), entrant("random", identity=None), games=4)
    assert result.played == len(result.games) == 4
    assert len(kept) == 0 and not (tmp_path / "m.jsonl").exists()


def test_half_of_a_last_line_costs_one_match(tmp_path):
    path = tmp_path / "m.jsonl"
    kept = store.MatchStore(path)
    played(kept)
    played(kept, seed=2)
    path.write_bytes(path.read_bytes()[:-20])
    kept = store.MatchStore(path)
    assert len(kept) == 1
    played(kept, seed=3)
    assert len(store.MatchStore(path)) == 2
    assert [json.loads(line)["key"]["seed"] for line in path.read_text().splitlines()] == [1, 3]


def test_lines_of_another_form_are_passed_over(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text('{"key": {"game": "x"}, "result": {}}\n[1]\n3\n{}\n')
    kept = store.MatchStore(path)
    assert len(kept) == 0
    played(kept)
    assert len(store.MatchStore(path)) == 1


def test_a_tournament_asks_the_store_for_whole_matches(tmp_path, monkeypatch):
    kept = store.MatchStore(tmp_path / "m.jsonl")
    players = [make.make_agent(spec, GAME) for spec in ("rules", "random", "alphabeta:depth=2")]
    asked = {"games": 4, "store": kept, "identities": {"rules": "rules", "random": "random"}}
    couples = tournament.everyone(players)
    first = tournament.play(GAME, couples, **asked)
    assert len(kept) == 1  # alphabeta is nobody's to know
    tournament.play(GAME, couples, **asked, record=tmp_path / "games.jsonl")
    assert len(records.read(tmp_path / "games.jsonl")) == 12  # the games of all three
    monkeypatch.setattr(store, "play_match", never)
    (again,) = tournament.play(GAME, couples[:1], **asked)
    assert again == replace(first[0], games=())
    with pytest.raises(AssertionError, match="played before"):
        tournament.play(GAME, couples[1:], **asked)
