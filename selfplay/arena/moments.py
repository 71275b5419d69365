"""What a run writes down after each evaluation: crossings, forecasts, and a game for each opponent overtaken.

crossover.json    when each opponent was overtaken, from all matches so far (`CrossoverRecord`)
forecasts.jsonl   what was expected of each opponent not yet overtaken, with the time of writing (`WrittenForecast`)
overtaken.jsonl   game records: a game that the learner won in the evaluation which settled it, with the
                  perfect player's remarks where there is one
"""

import datetime
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from games import record as records
from games import text
from games.game import Game
from games.outcome import DRAWN, LOSS, WIN
from games.record import FIRST_WON, SECOND_WON, GameRecord
from selfplay.arena.match import MatchResult
from selfplay.ledger import written
from selfplay.players.spec import describe
from selfplay.run import atomic, checksums, folder, formats
from selfplay.stats import crossover
from selfplay.stats.records import Crossing, CrossoverRecord, EvalLine, Lines, WrittenForecast

_WORDS = {WIN: "win", DRAWN: "draw", LOSS: "loss"}


def write_crossings(
    run_dir: Path, game: Game, lines: Lines, wins: Mapping[tuple[str, str], GameRecord]
) -> CrossoverRecord:
    """Bring crossover.json and overtaken.jsonl up to date. `wins` are the best of the matches of the last lines."""
    record = crossover.record(lines, game.name)
    write_record(run_dir, record)
    add_overtaken(run_dir, game, record, lines, wins)
    return record


def add_overtaken(
    run_dir: Path,
    game: Game,
    record: CrossoverRecord,
    lines: Lines,
    wins: Mapping[tuple[str, str], GameRecord],
) -> None:
    """Add to overtaken.jsonl a game for each opponent that is overtaken and not in there."""
    shown = _shown(run_dir / folder.OVERTAKEN)
    for crossing in record.crossings:
        pairing = crossing.pairing
        if crossing.overtaken and pairing in wins and pairing not in shown:
            line = next(row for row in reversed(lines) if row.pairing == pairing)
            with atomic.naming(run_dir / folder.OVERTAKEN):
                moment = _moment(game, wins[pairing], line, crossing)
                records.append(run_dir / folder.OVERTAKEN, [moment])
    _date_anew(run_dir / folder.OVERTAKEN, record, lines)


def _date_anew(path: Path, record: CrossoverRecord, lines: Lines) -> None:
    """Have the notes of the games give the moments that the record gives now: with every evaluation more is known of
    when the two were equal."""
    known, mistakes = records.scan(path) if path.exists() else ([], [])
    notes = {
        crossing.pairing: (line, crossing)
        for crossing in record.crossings
        for line in lines
        if line.pairing == crossing.pairing and math.isclose(line.flops, crossing.ahead_flops or 0)
    }
    dated = [
        replace(entry, note=note_on(entry, *notes[pairing])) if (pairing := _winner_first(entry)) in notes else entry
        for entry in known
    ]
    if dated != known and not mistakes:
        atomic.write_file(path, "".join(f"{json.dumps(entry.as_dict())}\n" for entry in dated).encode())


def write_record(run_dir: Path, record: CrossoverRecord) -> None:
    """Write crossover.json. It is as old as the lines of evals.jsonl that it was made from, or newer."""
    checksums.replace(
        run_dir / folder.CROSSOVER, json.dumps({**formats.stamp(), **record.as_dict()}, indent=1).encode() + b"\n"
    )


def write_forecasts(run_dir: Path, lines: Lines) -> None:
    """Add to forecasts.jsonl what the matches so far let expect, with the time: so it was said before the event."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    generation = lines[-1].generation
    made = [
        WrittenForecast(**entry.as_dict(), generation=generation, written=now) for entry in crossover.forecast(lines)
    ]
    folder.append(run_dir / folder.FORECASTS, [entry.as_dict() for entry in made])


def _shown(path: Path) -> set[tuple[str, str]]:
    """The pairings, learner first, whose game is already on paper."""
    known = records.scan(path)[0] if path.exists() else []
    return {pairing for entry in known for pairing in ((entry.first, entry.second), (entry.second, entry.first))}


def best_win(result: MatchResult) -> GameRecord | None:
    """The shortest game that the learner (`a` of the match) won, if it can be as the second player."""
    won = [
        entry
        for entry in result.games
        if (entry.first, entry.result) == (result.a, FIRST_WON)
        or (entry.second, entry.result) == (result.a, SECOND_WON)
    ]
    return min(won, key=lambda entry: (entry.second != result.a, len(entry.moves)), default=None)


def read_wins(path: Path) -> dict[tuple[str, str], GameRecord]:
    """The games of a file by their players, the winner first."""
    found = records.scan(path)[0] if path.exists() else []
    return {_winner_first(won): won for won in found}


def _winner_first(won: GameRecord) -> tuple[str, str]:
    return (won.first, won.second) if won.result == FIRST_WON else (won.second, won.first)


def _moment(game: Game, best: GameRecord, line: EvalLine, crossing: Crossing) -> GameRecord:
    """A game that the learner won, with remarks."""
    note = note_on(best, line, crossing)
    from selfplay.knowledge import oracle  # not at the start: a run against `random` alone loads no knowledge

    remarks = remarks_on(game, best) if game.name == "connect4" and oracle.available() else {}
    return GameRecord(**{**best.as_dict(), "comments": remarks, "note": note})


def note_on(won: GameRecord, line: EvalLine, crossing: Crossing) -> str:
    """Which game this is, when the two were equal, and when, at the evaluation that `line` is of, the learner was
    surely ahead: the moments by which every view dates what is overtaken."""
    sure = (
        f"surely ahead at {line.seconds / 60:.1f} minutes of training"
        f" ({written(line.flops)} FLOPs, {line.games:,} games, generation {line.generation}): {100 * line.score:.1f} %"
        f" [{100 * line.score_low:.1f}, {100 * line.score_high:.1f}]."
    )
    if crossing.beaten_untrained:
        before = "search alone beats it, before any training"
    elif crossing.seconds is None:
        before = "equal before the first evaluation"
    else:
        before = f"equal at {crossing.seconds / 60:.1f} minutes"
    side = "second" if won.second == line.agent else "first"
    which = f"This is the shortest game that it won then as {side} player."
    return f"{describe(line.agent)} against {describe(line.opponent)}: {before}, {sure} {which}"


def remarks_on(game: Game, record: GameRecord) -> dict[int, str]:
    """The perfect player's remarks: one after each of the players' moves that gave away a win or a draw."""
    from selfplay.knowledge import oracle

    _, actions = record.replayable()
    opening = len(text.parse_moves(game, record.opening))
    states_NW = np.array([text.replay(game, actions[:ply])[0] for ply in range(opening, len(actions))])
    remarks = {}
    for ply, scores_A in enumerate(oracle.scores(states_NW), start=opening):
        outcomes_A = WIN + 1 - np.sign(scores_A)
        played, best = int(outcomes_A[actions[ply]]), int(outcomes_A[scores_A.argmax()])
        if played == best:
            continue
        better = ", ".join(text.format_action(game, int(a)) for a in np.flatnonzero(outcomes_A == best))
        player = record.second if ply % 2 else record.first
        remarks[ply + 1] = (
            f"{player} plays {text.format_action(game, actions[ply])} and turns a {_WORDS[best]} into a"
            f" {_WORDS[played]}; {better} would have kept the {_WORDS[best]}"
        )
    return remarks
