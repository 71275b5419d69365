"""docs/results/ holds the data behind the figures of docs/results.md: files as they were measured, what made each of
them, and tables that are nothing but those files.

`python tests/test_results.py` writes the tables of the page, and the hashes of new files, anew.
"""

import contextlib
import hashlib
import io
import json
import re
from pathlib import Path

import pytest

import games
from selfplay import cli
from selfplay.report import words
from selfplay.stats.records import Crossing
from selfplay.web import levels as levels_data

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "docs" / "results"
PAGE = ROOT / "docs" / "results.md"
MANIFEST = DATA / "manifest.json"
SEEDS = [DATA / f"connect4-seed{seed}" for seed in range(3)]
BEFORE = [DATA / f"connect4-before-seed{seed}" for seed in range(3)]  # that were not taught ownership


def manifest():
    """What made each file of docs/results, by the file's name."""
    return json.loads(MANIFEST.read_text(encoding="utf-8"))


def printed(*argv):
    """What a command prints as JSON."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert cli.run(argv) == 0
    return json.loads(out.getvalue())


def result(name):
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def percent(row):
    return f"{100 * row['score']:.1f} % [{100 * row['score_low']:.1f}, {100 * row['score_high']:.1f}]"


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def crossing(opponent):
    """A crossing as a cell: where it was overtaken, or beyond which compute it was not."""
    return words.crossing(Crossing.from_dict(opponent)).removeprefix("at ")


def crossings():
    """When the three runs overtook each opponent, by `selfplay crossover` from their evals.jsonl."""
    record = printed("crossover", *map(str, SEEDS), "--json")
    by = {(row["agent"], row["opponent"]): row for row in record["rungs"]}
    rows = []
    for (agent, opponent), row in by.items():
        if agent == "net":
            continue
        alone = by.get(("net", opponent))
        minutes = f"{row['seconds'] / 60:.1f}" if row["seconds"] else ""
        rows.append([f"`{opponent}`", crossing(row), minutes, crossing(alone) if alone else ""])
    return table(["opponent", "overtaken by search, training FLOPs", "minutes", "by the network alone"], rows)


def final_scores():
    """The matches at the end of each run, 64 simulations a move."""
    rows, last = [], []
    for run in SEEDS:
        lines = [json.loads(line) for line in (run / "evals.jsonl").read_text(encoding="utf-8").splitlines()]
        lines = [line for line in lines if line["agent"] == "mcts:sims=64"]
        last = [line for line in lines if line["generation"] == lines[-1]["generation"]]
        rows.append([run.name[-1], f"{last[0]['flops']:.1e}", *map(percent, last)])
    return table(["seed", "FLOPs", *(f"`{line['opponent'].split(':')[-1]}`" for line in last)], rows)


def ownership():
    """What learning whose stone fills which cell is worth: against all opponents together, by `selfplay compare`."""
    found = printed("compare", *map(str, SEEDS), "--", *map(str, BEFORE), "--json")["comparisons"]
    rows = []
    for row in found:
        if row["opponent"] is None and row["agent"] != "mcts:ms=20":
            gain = row["compute_gain"]
            bounds = ["…" if gain[side] is None else f"{gain[side]:.2g}" for side in ("value", "low", "high")]
            elo = "{:+.0f} [{:+.0f}, {:+.0f}]".format(*(row[side] for side in ("elo", "elo_low", "elo_high")))
            rows.append([words.player(row["agent"]), f"{row['flops']:.1e}", elo, "{} [{}, {}]".format(*bounds)])
    return table(["player", "at FLOPs", "Elo more", "times the compute"], rows)


def ratings(name):
    found = result(name)["ratings"]
    rows = [
        [f"`{row['agent']}`", f"{row['elo']:.0f} [{row['elo_low']:.0f}, {row['elo_high']:.0f}]"]
        for row in sorted(found, key=lambda row: row["elo"])
    ]
    return table(["player", "Elo"], rows)


def scores(name):
    """The matches of the first agent of an arena."""
    pairs = result(name)["pairs"]
    rows = [
        [f"`{row['b']}`", row["wins"] + row["draws"] + row["losses"], percent(row)]
        for row in pairs
        if row["a"] == pairs[0]["a"]
    ]
    return table(["opponent", "games", "score"], rows)


def perfect(name):
    """Share of moves that give away a win or a draw, by set of solved positions and by player."""
    found = result(name)["results"]
    by = {(row["suite"], row["agent"]): row for row in found}
    agents = list(dict.fromkeys(row["agent"] for row in found))

    def cell(row):
        rate, low, high = (row[f"outcome_mistake_rate{end}"] for end in ("", "_low", "_high"))
        return f"{100 * rate:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"

    rows = [[suite, *(cell(by[suite, agent]) for agent in agents)] for suite in dict.fromkeys(s for s, _ in by)]
    return table(["positions", *(f"`{agent}`" for agent in agents)], rows)


def near_to_perfect(name):
    """Share of moves that keep the outcome by number of simulations; won openings that were won; costs."""
    found = result(name)["rows"]

    def kept(mark):
        rate, high, low = (mark[f"outcome_mistake_rate{end}"] for end in ("", "_high", "_low"))
        return f"{100 * (1 - rate):.1f} % [{100 * (1 - high):.1f}, {100 * (1 - low):.1f}]"

    def converted(row):
        return " ".join(f"{100 * row['conversion'][f'converted{end}']:.1f}" for end in ("", "_low", "_high"))

    first = found[0]
    rows = [
        [mark["suite"], mark["positions"], *(kept(row["results"][number]) for row in found)]
        for number, mark in enumerate(first["results"])
    ]
    shares = [re.sub(r"(\S+) (\S+) (\S+)", r"\1 % [\2, \3]", converted(row)) for row in found]
    rows.append(["won openings won", first["conversion"]["openings"], *shares])
    rows.append(["FLOPs a move", "", *(f"{row['flops_per_move']:.1e}" for row in found)])
    header = ["network" if row["simulations"] == 0 else f"{row['simulations']:,}" for row in found]
    return table(["positions", "of", *header], rows)


def levels_of_the_page():
    """What each level scores against the one before it."""
    rows = []
    for name, levels in levels_data.MEASURED.items():
        rows.append([games.make(name).title, levels[0].name, f"`{levels[0].spec}`", "", ""])
        for level, row in zip(levels[1:], result("levels")[name], strict=True):
            won = {"score": 1 - row["score"], "score_low": 1 - row["score_high"], "score_high": 1 - row["score_low"]}
            played = row["wins"] + row["draws"] + row["losses"]
            rows.append(["", level.name, f"`{level.spec}`", played, percent(won)])
    return table(["game", "level", "player", "games", "score"], rows)


def test_levels_of_the_page_are_in_the_order_of_their_strength():
    """Each was measured against the one before it, and is stronger by more than chance."""
    for name, levels in levels_data.MEASURED.items():
        for weaker, stronger, row in zip(levels, levels[1:], result("levels")[name], strict=False):
            assert (row["a"], row["b"]) == (weaker.spec, stronger.spec)
            assert row["score_high"] < 0.5
    assert set(result("levels")) == set(levels_data.MEASURED)


TABLES = {
    "crossings": crossings,
    "final-scores": final_scores,
    "ownership": ownership,
    "levels": levels_of_the_page,
}
OF = {"ratings": ratings, "scores": scores, "perfect": perfect, "near": near_to_perfect}


def rendered(name):
    """The table between the marks of this name: one of TABLES, or of OF and a NAME."""
    kind, _, of = name.partition(" ")
    return OF[kind](of) if of else TABLES[kind]()


def marks():
    return re.findall(r"<!-- ([\w -]+) -->\n(.*?)<!-- end -->", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize(("name", "text"), marks(), ids=lambda value: value.split("\n")[0][:30])
def test_tables_are_those_of_the_data(name, text):
    assert rendered(name) == text, "python tests/test_results.py writes them anew"


def test_every_file_is_in_the_manifest_as_it_was():
    files = {path.relative_to(DATA).as_posix() for path in DATA.rglob("*") if path.is_file() and path != MANIFEST}
    assert files == set(manifest())
    for name, entry in manifest().items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == entry["sha256"], name
        assert entry["command"].startswith("selfplay ") and entry["commit"] and entry["machine"], name


def test_a_changed_match_changes_the_table(tmp_path):
    """The tables come from the matches and from nothing else: a run in which depth 2 won them all is not overtaken."""
    changed = []
    for run in SEEDS:
        copy = tmp_path / run.name
        copy.mkdir()
        for path in run.iterdir():
            (copy / path.name).write_bytes(path.read_bytes())
        lines = [json.loads(line) for line in (run / "evals.jsonl").read_text(encoding="utf-8").splitlines()]
        for line in lines:
            if line["opponent"] == "alphabeta:depth=2":
                line["pairs"] = [sum(line["pairs"]), 0, 0, 0, 0]
        (copy / "evals.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        changed.append(str(copy))
    before = printed("crossover", *map(str, SEEDS), "--json")["rungs"]
    after = printed("crossover", *changed, "--json")["rungs"]
    of = {(row["agent"], row["opponent"]): row["status"] for row in after}
    assert {row["status"] for row in before if row["agent"] == "mcts:sims=64" and row["opponent"] == "rules"} == {
        "overtaken"
    }
    assert of["mcts:sims=64", "alphabeta:depth=2"] == "not overtaken"
    assert of["mcts:sims=64", "rules"] == "overtaken"


if __name__ == "__main__":
    entries = manifest()
    for name, entry in entries.items():
        entry["sha256"] = hashlib.sha256((DATA / name).read_bytes()).hexdigest()
    MANIFEST.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    for name, _ in marks():
        before, mark, rest = page.partition(f"<!-- {name} -->\n")
        page = before + mark + rendered(name) + rest[rest.index("<!-- end -->") :]
    PAGE.write_text(page, encoding="utf-8")
