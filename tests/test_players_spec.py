"""The grammar of players: what is read is written again, what is not in it is refused, and what people call it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfplay.players.spec import GRAMMAR, Spec, describe

WORD = st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"])).filter(lambda s: s == s.strip())
COUNT = st.integers(1, 10**12)
AMOUNT = st.floats(1e-300, 1e300)
OPTIONS = {
    "random": {},
    "rules": {},
    "alphabeta": {"depth": COUNT, "nodes": COUNT, "ms": AMOUNT, "without": WORD, "preset": WORD},
    "rollout": {"sims": COUNT},
    "solver": {"last": COUNT},
    "net": {"device": WORD, "dtype": WORD},
    "mcts": {"sims": COUNT, "ms": AMOUNT, "rule": WORD, "c_scale": AMOUNT, "device": WORD, "dtype": WORD},
    "engine": {"args": WORD, "ms": AMOUNT, "tolerance": AMOUNT, "memory": COUNT},
    "human": {},
}


@st.composite
def specs(draw, *, learner=False):
    """Any player that can be named; with `learner`, a network's without the path."""
    kind = draw(st.sampled_from(["net", "mcts"] if learner else list(OPTIONS)))
    path = draw(WORD.filter(bool)) if kind in ("net", "mcts", "engine") and not learner else ""
    options = draw(st.fixed_dictionaries({}, optional=OPTIONS[kind]))
    order = draw(st.permutations(list(options)))
    return Spec(kind, path, {key: options[key] for key in order})


@given(specs())
def test_what_is_written_is_read_again(spec):
    read = Spec.parse(f"  {spec.format()}\n")
    assert read == spec
    assert list(read.options) == list(spec.options)
    assert read.format() == spec.format()


@given(specs(learner=True))
def test_a_runs_learner_has_no_path(spec):
    assert Spec.parse(spec.format(), learner=True) == spec


@given(st.from_regex(r"(random|alphabeta|mcts|net|engine|[a-z]*):?[^\n]*", fullmatch=True))
def test_any_text_is_read_as_what_it_is_written_as_or_refused(text):
    try:
        spec = Spec.parse(text)
    except ValueError:
        return
    assert Spec.parse(spec.format()) == spec
    assert spec.describe()


@pytest.mark.parametrize(
    ("text", "kind", "path", "options"),
    [
        ("rules", "rules", "", {}),
        ("alphabeta:nodes=20000,without=a+b", "alphabeta", "", {"nodes": 20000, "without": "a+b"}),
        ("mcts:runs/connect4@12,ms=7.5", "mcts", "runs/connect4@12", {"ms": 7.5}),
        ("net:C:/weights", "net", "C:/weights", {}),
        ("engine:pbrain,args=--flag=1 2", "engine", "pbrain", {"args": "--flag=1 2"}),
    ],
)
def test_what_the_parts_are(text, kind, path, options):
    spec = Spec.parse(text)
    assert (spec.kind, spec.path, spec.options) == (kind, path, options)
    assert spec.format() == text


def test_numbers_are_written_as_people_write_them():
    assert Spec.parse("alphabeta:ms=20.0").format() == "alphabeta:ms=20"
    assert Spec.parse("mcts:x,c_scale=0.250").format() == "mcts:x,c_scale=0.25"
    precise = Spec.parse("alphabeta:ms=" + repr(math.pi * 1e6))
    assert Spec.parse(precise.format()).options["ms"] == math.pi * 1e6


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("random", "random moves"),
        ("rules", "one-ply rules"),
        ("alphabeta:depth=6", "alpha-beta, depth 6"),
        ("alphabeta", "alpha-beta, depth 4"),
        ("alphabeta:nodes=100000", "alpha-beta, 100,000 positions"),
        ("alphabeta:ms=20", "alpha-beta, 20 ms"),
        ("alphabeta:depth=3,without=zugzwang+centre", "alpha-beta, depth 3, without zugzwang, centre"),
        ("alphabeta:preset=alphazero-jl", "AlphaZero.jl's minimax, depth 5"),
        ("rollout:sims=1000", "tree search with 1,000 random playouts"),
        ("solver", "perfect play"),
        ("solver:last=12", "perfect play in the last 12 plies"),
        ("net", "network alone"),
        ("mcts:sims=64", "network + 64 simulations"),
        ("mcts:ms=20", "network + 20 ms"),
        ("mcts:runs/connect4@12,sims=1600", "network + 1,600 simulations (runs/connect4@12)"),
        ("mcts:pretrained,rule=puct", "network + 64 simulations of PUCT (pretrained)"),
        ("engine:engines/pbrain-rapfi,ms=100", "pbrain-rapfi, 100 ms"),
        ("a player of tomorrow", "a player of tomorrow"),
    ],
)
def test_what_people_call_a_player(text, words):
    assert describe(text) == words


def test_how_many_positions_a_network_looks_at():
    texts = ("net", "mcts:sims=16", "mcts:", "mcts:ms=20", "mcts:sims=9,dtype=float32")
    assert [Spec.parse(text, learner=True).simulations for text in texts] == [1, 16, 64, None, 9]
    assert Spec.parse("rollout:sims=16").simulations is None


def test_time_is_given_to_those_who_take_it_and_have_none():
    for text, timed in (
        ("alphabeta", "alphabeta:ms=50"),
        ("alphabeta:depth=3", "alphabeta:depth=3,ms=50"),
        ("mcts:x,rule=puct", "mcts:x,rule=puct,ms=50"),
        ("mcts:x,sims=8", "mcts:x,sims=8"),
        ("alphabeta:ms=7", "alphabeta:ms=7"),
        ("rules", "rules"),
    ):
        assert Spec.parse(text).by_the_clock(50.0).format() == timed


def test_nothing_is_opened():
    Spec.parse("mcts:nowhere,sims=4")
    with pytest.raises(ValueError, match="did you mean 'sims'"):
        Spec.parse("mcts:nowhere,sim=4")


def test_help_names_every_kind_and_every_option():
    for kind, options in OPTIONS.items():
        if kind != "human":
            assert f"  {kind}" in GRAMMAR
            assert all(f"{key}=" in GRAMMAR for key in options if key not in ("device", "dtype"))
