"""The page of a report: the sections that tell of a run, or of several as seeds of one experiment."""

import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

import games
from selfplay.config import to_toml
from selfplay.report import health, html, plots, story, words
from selfplay.run import atomic, read
from selfplay.run.read import Run
from selfplay.stats import crossover
from selfplay.stats.records import Crossing, CrossoverRecord, Lines

_GAMES = {"connect4": "Connect Four", "gomoku": "Gomoku"}
_PIECES = {  # of knowledge
    "lines": "lines that are still open",
    "centre": "the centre",
    "zugzwang": "odd and even threats (zugzwang)",
    "tempo": "being to move",
    "wins": "win and block",
    "handover": "not handing over a win",
    "doubles": "double threats",
}


def write(run_dir: Path) -> Path:
    """Write `curves.png` and `report.html`, and `frontier.png` where that was measured, into a run folder; the path of
    the page. `ValueError` for other folders."""
    files = read.Run(run_dir)
    atomic.write_file(run_dir / "curves.png", plots.curves(files.config, files.metrics, files.evals, files.crossover))
    if files.frontier:
        atomic.write_file(run_dir / "frontier.png", plots.frontier(files.frontier))
    path = run_dir / "report.html"
    atomic.write_file(path, written([files]).encode())
    return path


def written(files: Sequence[Run]) -> str:
    """The page of one run, or of several as seeds of one experiment."""
    first = files[0].config
    seeds = ", ".join(str(one.config.seed) for one in files)
    title = f"{first.game}, {first.network.architecture}, seed{'s' if len(files) > 1 else ''} {seeds}"
    matched = [one.crossover for one in files if one.evals]
    record = crossover.together(matched) if matched else CrossoverRecord(game=first.game, crossings=())
    page = html.document(
        title,
        [
            _story([one.evals for one in files], record),
            _lead(files, record),
            _strength([one.evals for one in files], record),
            _crossings(record),
            *(_frontier(one, len(files) > 1) for one in files),
            *(_price_tags(one, len(files) > 1) for one in files),
            _health(files),
            _cost(files),
            _repeat(files),
        ],
    )
    return str(page)


def _lead(files: Sequence[Run], record: CrossoverRecord) -> Markup:
    game = games.make(files[0].config.game)
    name = _GAMES.get(game.kind, game.kind)
    played = sum(one.trained[0] for one in files)
    minutes = sum(one.trained[1] for one in files) / 60
    machine = files[0].meta["sessions"][-1]["machine"]
    by_search = [crossing for crossing in record.crossings if crossing.agent != "net"]
    overtaken = sum(crossing.overtaken for crossing in by_search)
    parts = [
        f"{name} on {game.width} x {game.height}, learned from nothing but the rules: {played:,} games of self-play in"
        f" {words.long_minutes(minutes)} on {machine.get('gpu', str(machine['cores']) + ' cores')} ({machine['cpu']})"
        + (f", {len(files)} runs together." if len(files) > 1 else ".")
    ]
    if by_search:
        parts.append(f"With search it has overtaken {overtaken} of the {len(by_search)} opponents that it was set.")
    return html.paragraph(" ".join(parts), "lead")


def _story(evals: Sequence[Lines], record: CrossoverRecord) -> Markup:
    """The picture for who reads no further."""
    told = story.of(evals, record)
    if told is None:
        return Markup()
    wide, narrow = (
        plots.svg(partial(story.draw, story=told, narrow=inches[0] < 5), f"story{inches}", inches=inches, grid=False)[0]
        for inches in ((9.0, 4.6), (4.4, 5.0))
    )
    return html.banner(wide, narrow, told.finding, told.caption)


def _strength(evals: Sequence[Lines], record: CrossoverRecord) -> Markup:
    """Scores and Elo over compute."""
    if not any(line.agent != "net" for lines in evals for line in lines):
        return html.paragraph("No match was played, so nothing is known of its strength.")
    scores = html.figure(
        *plots.svg(lambda axes: plots.draw_scores(axes, evals, record), "scores"),
        "Score against each opponent over training compute",
        "Score over paired games from distinct openings, and its 95 % interval. 50 % is as strong as the opponent."
        " A diamond: overtaken there, with the 95 % interval of when.",
    )
    elo = html.figure(
        *plots.svg(lambda axes: plots.draw_elo(axes, evals), "elo"),
        "Elo of the learner and of its opponents over training compute",
        "The same matches on one scale: 200 Elo more is a score of 76 %. Dotted: the opponents, who do not learn.",
    )
    latest = {(line.opponent, line.agent): line for lines in evals[:1] for line in lines}
    rows = [
        (
            words.player(line.opponent),
            words.player(line.agent),
            words.match_score(line),
            f"{line.wins} / {line.draws} / {line.losses}",
            line.distinct_games,
            line.generation,
        )
        for line in latest.values()
    ]
    headers = ("opponent", "player", "score", "wins / draws / losses", "distinct games", "generation")
    before = [said for lines in evals if (said := words.untrained(lines))]
    return html.section(
        "Strength over training compute",
        html.paragraph(f"{'. '.join(before)}. That is what search alone does.") if before else Markup(),
        html.side_by_side([scores, elo]),
        html.folded("The last matches", html.table(headers, rows, "The last matches")) if len(evals) == 1 else Markup(),
    )


def _crossings(record: CrossoverRecord) -> Markup:
    alone = {crossing.opponent: crossing for crossing in record.crossings if crossing.agent == "net"}
    with_search = [crossing for crossing in record.crossings if crossing.agent != "net"]
    met = {crossing.opponent for crossing in with_search}
    rows = [
        (
            _opponent(crossing.opponent),
            html.two_lines(_when(crossing), words.learner(crossing.agent)),
            words.both_minutes(crossing),
            _at_the_end(crossing),
            *(
                (_when(alone[crossing.opponent]), _at_the_end(alone[crossing.opponent]))
                if crossing.opponent in alone
                else ("", "")
            ),
        )
        for crossing in with_search
    ]
    rows += [
        (_opponent(opponent), "", "", "", _when(crossing), _at_the_end(crossing))
        for opponent, crossing in alone.items()
        if opponent not in met
    ]
    if not rows:
        return Markup()
    several = len(record.crossings[0].runs) > 1
    forecasts = "\n".join(words.forecasts(record.crossings))
    return html.section(
        "When it overtook human knowledge",
        html.paragraph(
            "Overtaken: from this training compute on, the expected score stays above 50 %. Compute is in FLOPs of"
            " self-play and learning, 2 per multiply-add; matches are not counted. In brackets, 95 % intervals"
            + (", Student's over the runs." if several else " from the games of this one run; another seed may differ.")
            + " “Beyond” is no failure of the measurement: it was not overtaken by then."
        ),
        html.table(
            ("opponent", "with search: overtaken (FLOPs)", "minutes: equal; surely ahead", "fitted score at the end",
             "network alone: overtaken", "fitted score at the end"),
            rows,
            "When each opponent was overtaken",
        ),
        html.folded("Forecasts that were made before the event, and what became of them", html.code(forecasts))
        if forecasts
        else Markup(),
    )  # fmt: skip


def _opponent(spec: str) -> Markup:
    """Who it is, and below it the spec by which anyone can play it."""
    about = words.about(spec)
    return html.two_lines(words.player(spec), f"{spec}: {about}" if about else spec)


def _when(crossing: Crossing) -> str:
    return _unbroken(words.crossing(crossing))


def _at_the_end(crossing: Crossing) -> str:
    return _unbroken(words.score_at_end(crossing, digits=0))


def _unbroken(text: str) -> str:
    """With intervals that a narrow column keeps on one line."""
    return text.replace(", ", ",\u00a0")


def _named(heading: str, files: Run, several: bool) -> str:
    return f"{heading}: {files.dir.name}" if several else heading


def _frontier(files: Run, several: bool) -> Markup:
    points = files.frontier
    if not points:
        return Markup()
    opponents = list(dict.fromkeys(point.crossing.opponent for point in points))
    counts = sorted({point.simulations for point in points})
    found = {(point.crossing.opponent, point.simulations): point.crossing for point in points}
    rows = [
        [words.player(opponent), *(_when(found[opponent, n]) if (opponent, n) in found else "" for n in counts)]
        for opponent in opponents
    ]
    each = files.last.get("play_flops", 0) / max(1, files.last.get("evaluations", 0))
    return html.section(
        _named("The frontier: training against thinking", files, several),
        html.paragraph(
            "An opponent can be overtaken by more training or by longer thinking. Each line joins the pairs of both at"
            " which the player is as strong as one opponent; up and right of it, it is stronger. A triangle points to"
            " where the crossing lies, when it came before the first evaluation or had not come by the last."
            f" A simulation costs {words.flops(each)} FLOPs at most: one evaluation by the network."
        ),
        html.figure(
            *plots.svg(lambda axes: plots.draw_frontier(axes, points), f"frontier-{files.dir.name}"),
            "Training compute and simulations a move at which each opponent is overtaken",
            "Horizontal bars: 95 % intervals.",
        ),
        html.table(("opponent", *(f"{n} simulations" if n > 1 else "network alone" for n in counts)), rows, "Frontier"),
    )


def _price_tags(files: Run, several: bool) -> Markup:
    if files.prices is None:
        return Markup()
    grown = files.prices["growth"]
    rows = [
        (
            _PIECES.get(price["piece"], price["piece"]),
            words.elo_interval(*(price[key] for key in ("elo", "elo_low", "elo_high"))),
            words.factor_interval(*(price[key] for key in ("factor", "factor_low", "factor_high"))),
        )
        for price in files.prices["prices"]
    ]
    reckoned = (
        f" The learner ({words.player(grown['agent'])}) gained {grown['elo_per_decade']:.0f} Elo by ten times the"
        f" training compute where it was even with {words.player(grown['opponent'])}; that turns Elo into compute."
        if grown
        else " This run has too few matches near 50 % to turn that into compute."
    )
    return html.section(
        _named("Price tags: what a piece of knowledge is worth", files, several),
        html.paragraph(
            f"{words.player(files.prices['agent'])} against itself without one piece of its knowledge, and the factor"
            f" of training compute that buys the learner as many Elo.{reckoned} Intervals are 95 %; “-” is"
            " beyond what can be told."
        ),
        html.table(
            ("piece of knowledge", "Elo", *(["training compute"] if grown else [])),
            rows if grown else [row[:2] for row in rows],
            "Price tags",
        ),
    )


def _health(files: Sequence[Run]) -> Markup:
    findings = [health.examine(one.config, one.metrics, one.evals) for one in files]
    rows, troubles = [], []
    for row in zip(*findings, strict=True):
        check = row[0].check
        cells = [html.verdict(found.shown, found.said, found.failing if found.shown else None) for found in row]
        rows.append((check.symptom, *cells, check.bounds, html.coded(check.shows_in)))
        if any(found.failing for found in row):
            troubles.append(html.coded(f"{check.symptom}. Cause: {check.cause}. Fix: {check.fix}."))
    one = files[0]
    figures = [
        html.figure(
            *plots.svg(lambda axes: plots.draw_lines(axes, one.metrics, plots.LOSSES, "loss (nats)"), "losses"),
            "Losses over generations",
            "What learning makes smaller. The policy's loss cannot fall below the entropy of its targets.",
        ),
        html.figure(
            *plots.svg(lambda axes: plots.draw_lines(axes, one.metrics, plots.SEARCH, "nats"), "search"),
            "Entropy of the policy targets, and what search adds to the network",
            "How undecided the search is, and how far it is ahead of the network: what is left to learn.",
        ),
    ]
    names = [path.dir.name for path in files] if len(files) > 1 else ["this run"]
    return html.section(
        "Health of the run" if len(files) == 1 else "Health of the runs",
        html.side_by_side(figures) if len(files) == 1 and one.metrics else Markup(),
        html.bullets(troubles) if troubles else Markup(),
        html.table(("looked for", *names, "healthy", "shows in"), rows, "Health"),
    )


def _cost(files: Sequence[Run]) -> Markup:
    def minutes(last: Mapping[str, Any], *names: str) -> str:
        return f"{sum(last.get(name, 0) for name in names) / 60:.1f}"

    amounts = {
        "training compute (FLOPs)": lambda last: words.flops(last.get("train_flops", 0)),
        "minutes of self-play and learning": lambda last: minutes(last, "play_seconds", "learn_seconds"),
        "minutes of matches": lambda last: minutes(last, "eval_seconds"),
        "games of self-play": lambda last: f"{last.get('games', 0):,}",
        "positions learned from": lambda last: f"{last.get('positions', 0):,}",
        "network evaluations of self-play": lambda last: f"{last.get('evaluations', 0):,}",
        "energy (kJ)": lambda last: f"{last['train_joules'] / 1000:.1f}" if last.get("train_joules") else "not told",
        "generations": lambda last: last.get("generation", 0),
    }
    rows = [(name, *(amount(one.last) for one in files)) for name, amount in amounts.items()]
    names = [one.dir.name for one in files] if len(files) > 1 else [""]
    return html.section("What it cost", html.table(("spent", *names), rows, "Cost"))


def _repeat(files: Sequence[Run]) -> Markup:
    parts = [
        html.paragraph(
            "On one machine the same sources, settings and seed give the same games, bit for bit. On another one"
            " rounding differs, games go other ways, and the curves agree within what seeds differ by. CONFIG is the"
            " text below, which the run folder has as config.toml."
        )
    ]
    for one in files:
        newest = one.meta["sessions"][-1]
        commits = list(dict.fromkeys(session["commit"] for session in one.meta["sessions"]))
        generation = one.last.get("generation", 0)
        again = f"--config CONFIG --network.dtype {one.dtype} --generations {generation} --run runs/again"
        lines = [f"git checkout {newest['commit']}"] if newest["commit"] else []
        heading = html.heading(one.dir.name) if len(files) > 1 else Markup()
        sessions = [
            (
                session["from_generation"],
                session["started"],
                (session["commit"] or "not run from a checkout") + (" and changes" if session["dirty"] else ""),
                session["command"],
            )
            for session in one.meta["sessions"]
        ]
        made_with = [*newest["machine"].items(), *newest["versions"].items()]
        parts += [
            heading,
            html.code("\n".join([*lines, f"selfplay train {again}", *_measured_again(one)])),
            html.paragraph(
                f"It was made by {len(commits)} versions of the sources, each from the generation named below; only the"
                " first of them gives the same games from the start."
            )
            if len(commits) > 1
            else Markup(),
            html.table(("from generation", "begun", "commit", "command"), sessions, "Sessions"),
            html.table(("made with", ""), made_with, "Machine and versions"),
            html.folded("CONFIG", html.code(to_toml(one.config))),
        ]
    return html.section("How to repeat it", *parts)


def _measured_again(files: Run) -> list[str]:
    """The commands that made the files of the run which training does not make."""
    lines = []
    counts = sorted({line.simulations for line in read.frontier(files.dir)})
    if counts:
        lines.append(f"selfplay measure runs/again --frontier {' '.join(map(str, counts))}")
    if files.prices:
        lines.append(f"selfplay arena --ablate {shlex.quote(files.prices['agent'])} --run runs/again")
    return lines
