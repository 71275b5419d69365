"""Swap2 in the terminal, against a player whose values are known."""

import io

import numpy as np
import pytest
from rich.console import Console

import games
from games import text
from selfplay import cli
from selfplay.players.agent import Agent, Analysis
from selfplay.report.terminal.game import Dialogue

GAME = games.make("gomoku9")


def against(value, *, first, lines):
    """The dialogue after these lines, what it said, and the positions that the agent was asked about.

    `value(stones)` is White's with so many stones on the board; the agent plays the first free cell.
    """
    asked = []

    def act(states_NW, seeds_N):
        (state_W,) = states_NW
        asked.append(GAME.plies(state_W))
        found = value(asked[-1], len(asked))
        return Analysis(
            actions_N=GAME.legal_actions(state_W)[:1], value_N=None if found is None else np.array([found], np.float32)
        )

    out = io.StringIO()
    dialogue = Dialogue(
        GAME, Agent("stub", act), Console(file=out, width=200), me=first, hints=False, seed=0, swap2=True
    )
    dialogue.hold(iter(lines))
    return dialogue, out.getvalue(), asked


@pytest.mark.parametrize(("value", "persons"), [(0.3, 0), (-0.3, 1), (0.0, 0), (None, 0)])
@pytest.mark.parametrize("lines", [["e5 f5 e6"], ["e5", "f5 e6"]])
def test_the_agent_takes_the_better_colour(value, persons, lines):
    dialogue, said, asked = against(lambda *_: value, first=0, lines=lines)
    assert dialogue.opening is None and dialogue.me == persons
    assert f"stub takes {'White' if persons == 0 else 'Black'}" in said
    stones = text.parse_moves(GAME, "e5 f5 e6")
    # White moves next: the agent at once, or the person.
    assert dialogue.actions == (stones if persons == 1 else [*stones, 0])
    assert asked == ([3] if persons == 1 else [3, 3])


@pytest.mark.parametrize(("choice", "persons", "stones"), [("white", 1, 3), ("black", 0, 4)])
def test_the_person_takes_a_colour(choice, persons, stones):
    dialogue, _, _ = against(lambda *_: 0.1, first=1, lines=[choice])
    assert (dialogue.opening, dialogue.me, len(dialogue.actions)) == (None, persons, stones)


@pytest.mark.parametrize(("value", "persons", "stones"), [(0.2, 0, 6), (-0.2, 1, 5)])
def test_two_stones_more_leave_the_choice_to_the_agent(value, persons, stones):
    """Its value of the five stones decides, not that of the three."""
    dialogue, said, _ = against(
        lambda plies, _: value if plies == 5 else -value, first=1, lines=["two", "a1 a2 a3", "a1 a2"]
    )
    assert "2 more to put, not 3" in said
    assert (dialogue.opening, dialogue.me, len(dialogue.actions)) == (None, persons, stones)
    assert dialogue.actions[3:5] == text.parse_moves(GAME, "a1 a2")


def test_the_agent_proposes_what_is_most_even():
    values = [0.5, -0.4, 0.9, -0.1, 0.3, 0.2, -0.6, 0.8]
    dialogue, said, asked = against(lambda _, times: values[times - 1], first=1, lines=[])
    assert asked == [3] * 8
    # The fourth that is drawn, and it lies in the middle.
    from selfplay.players import swap2

    drawn = swap2.openings(9, 0)
    fourth = [next(drawn) for _ in range(4)][3]
    assert dialogue.actions == fourth
    assert text.format_moves(GAME, fourth) in said
    assert all(1 <= cell // 9 <= 7 and 1 <= cell % 9 <= 7 for cell in fourth)


def test_what_is_no_answer_is_said_and_the_opening_begins_anew():
    lines = ["undo", "e5 e5", "z9", "e5", "new", "c3 c4 c5"]
    dialogue, said, _ = against(lambda *_: -0.5, first=0, lines=lines)
    for words in ("`undo` once the opening is over", "e5 is not free", "'z9' is not a cell", "stub takes Black"):
        assert words in said
    assert dialogue.actions == text.parse_moves(GAME, "c3 c4 c5")
    assert "your choice: `white`" in against(lambda *_: 0.5, first=1, lines=["d4"])[1]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--game", "connect4", "--agent", "rules"], "--swap2 is an opening of Gomoku"),
        (["--game", "gomoku9", "--agent", "human"], "two people agree by themselves"),
    ],
)
def test_where_there_is_no_swap2(argv, said, capsys):
    assert cli.guarded(["play", "--swap2", *argv]) == 2
    assert said in capsys.readouterr().err
