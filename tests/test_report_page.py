"""The page and the pictures of a run: what a reader finds on it, in a real browser too."""

import dataclasses
import html
import json
import re
import shutil
from html.parser import HTMLParser

import pytest
from matches import a_line
from matplotlib import image
from optional import present
from web_server import a_run

from selfplay import cli
from selfplay.config import Config, from_dict, read_toml
from selfplay.report import page as report_page
from selfplay.report import plots
from selfplay.run import checkpoint, folder, read, session
from selfplay.stats import crossover

CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)


def match(generation, score, agent="mcts:sims=64", opponent="rules"):
    """100 games; the score is 50 % at generation 2 if it is that of `RISING`."""
    points = round(200 * score)
    return a_line(
        generation=generation, flops=1e12 * 4**generation, agent=agent, opponent=opponent,
        wins=points // 2, draws=points % 2, losses=100 - points // 2 - points % 2, distinct_games=97,
        score=score, score_low=score - 0.1, score_high=score + 0.1, evaluations=5 * generation,
        games=7 * generation, seconds=600.0 * generation, pairs=[50 - points // 4, 0, 0, 0, points // 4],
        simulations=int(agent.partition("sims=")[2] or 0),
    )  # fmt: skip


RISING = {1: 0.2, 2: 0.5, 3: 0.8, 4: 0.95}
RUN = [match(generation, score) for generation, score in RISING.items()]


def with_matches(path, matches):
    run_dir = a_run(path.parent, path.name, matches=0)
    folder.append(run_dir / folder.EVALS, [line.as_dict() for line in matches])
    lines = [{"generation": n, "loss/policy": 2 / n, "policy/entropy": 1 / n} for n in RISING]
    folder.append(run_dir / folder.METRICS, lines)
    return run_dir


def shown(run_dir):
    """Its page, without the pictures beside it."""
    return report_page.written([read.Run(run_dir)])


class Elements(HTMLParser):
    """Tags with their attributes, and the text of each table cell."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.rows, self._cell = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = None

    def handle_data(self, data):
        if self._cell:
            self.rows[-1][-1] += data


def row(elements, start):
    return next(cells for cells in elements.rows if cells and cells[0].startswith(start))


def test_the_page_is_one_file_that_asks_for_nothing(tmp_path):
    run_dir = with_matches(tmp_path / "r", [*RUN, match(4, 0.3, agent="net")])
    page = report_page.write(run_dir)
    assert page == run_dir / "report.html"
    assert (run_dir / "curves.png").read_bytes().startswith(b"\x89PNG")
    text = page.read_text()
    elements = Elements(text)
    assert not [name for name, _ in elements.tags if name in ("script", "img", "link", "iframe", "object")]
    links = [
        value for _, attributes in elements.tags for name, value in attributes.items() if name.endswith(("href", "src"))
    ]
    assert links and all(link.startswith("#") for link in links)  # parts of a drawing that refer to each other
    assert not re.search(r"url\((?!#)", text)
    ids = [attributes["id"] for _, attributes in elements.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {link[1:] for link in links} | set(re.findall(r"url\(#([^)]*)\)", text)) <= set(ids)
    drawings = [attributes for name, attributes in elements.tags if name == "svg" and attributes.get("role") == "img"]
    assert len(drawings) == 6 and all(drawing["aria-label"] for drawing in drawings)
    assert [drawing["class"] for drawing in drawings[:2]] == ["if-wide", "if-narrow"]
    assert drawings[0]["aria-label"] == (
        "From nothing, it overtakes one-ply rules in 20 minutes (surely ahead at 30 minutes)"
    )


def test_what_was_overtaken_and_when(tmp_path):
    """The score is 50 % at 1.6e13 FLOPs and 20 minutes, in generation 2."""
    run_dir = with_matches(
        tmp_path / "r", [*RUN, match(4, 0.3, agent="net"), match(4, 0.2, opponent="alphabeta:depth=6")]
    )
    text = shown(run_dir)
    elements = Elements(text)
    who, when, minutes, end, alone, alone_end = row(elements, "one-ply rulesrules")
    assert who == "one-ply rulesrules: win, block, do not hand over a win"
    low, high = present(re.fullmatch(r"at 1\.6e13 \[(.*),\xa0(.*)\]64 simulations", when)).groups()
    assert 4e12 < float(low) < 1.6e13 < float(high) < 6.4e13
    assert [float(each) for each in minutes.split("; ")] == pytest.approx([20, 30], abs=1)  # equal; surely ahead
    assert int(end[:2]) > 85
    assert alone == "beyond 2.6e14" and int(alone_end[:2]) < 45
    other = row(elements, "alpha-beta, depth 6alphabeta:depth=6: a program that looks 6 moves")
    assert other[1] == "beyond 2.6e1464 simulations" and other[4:] == ["", ""]
    lead = present(re.search(r'class="lead">(.*?)</p>', text))[1]
    assert "Connect Four on 7 x 6" in lead and "overtaken 1 of the 2 opponents" in lead
    last = [cells for cells in elements.rows if cells[-1:] == ["4"]]
    assert ["one-ply rules", "network + 64 simulations", "95.0 % [85.0, 105.0]", "95 / 0 / 5", "97", "4"] in last
    assert not any("20.0 %" in cell for cells in elements.rows for cell in cells if cells[0] == "one-ply rules")


def test_how_to_repeat_it(tmp_path):
    config = session.settle(tmp_path / "r", Config(), {"seed": 3, "search": {"simulations": 5}})
    with session.opened(tmp_path / "r", config, command=["selfplay", "train", "--run", "<b>"]) as run:
        run.record(1, *generation_of(1))
        checkpoint.write(run.dir, 1, {**dict.fromkeys(checkpoint.STATE, b"x"), "state.json": b'{"dtype": "bfloat16"}'})
    with session.opened(tmp_path / "r", config, command=["selfplay", "train", "again"]) as run:
        run.record(2, *generation_of(2))
    text = shown(tmp_path / "r")
    assert "selfplay train --config CONFIG --network.dtype bfloat16 --generations 2 --run runs/again" in text
    assert "<b>" not in text
    sessions = [cells for cells in Elements(text).rows if cells[-1].startswith("selfplay train ")]
    assert [(cells[0], cells[-1]) for cells in sessions] == [
        ("0", "selfplay train --run '<b>'"),
        ("1", "selfplay train again"),
    ]
    assert row(Elements(text), "cpu")[1] == session.machine()["cpu"]
    config_block = present(re.search(r"CONFIG</summary><pre[^>]*>(.*?)</pre>", text, flags=re.DOTALL))
    settings = html.unescape(config_block[1])
    (tmp_path / "again.toml").write_text(settings)
    assert from_dict(Config, read_toml(tmp_path / "again.toml")) == config


def generation_of(number):
    from selfplay.ledger import Ledger

    return Ledger(games=1234 * number, play_flops=9e11, play_seconds=40.0, learn_seconds=20.0), {
        "loss/policy": 1 / number
    }


def test_what_it_cost_is_that_of_the_last_generation(tmp_path):
    config = session.settle(tmp_path / "r", Config(), {})
    with session.opened(tmp_path / "r", config, command=["x"]) as run:
        for number in (1, 2):
            run.record(number, *generation_of(number))
    elements = Elements(shown(tmp_path / "r"))
    assert row(elements, "games of self-play")[1] == "2,468"
    assert row(elements, "training compute")[1] == "9.0e11"
    assert row(elements, "minutes of self-play")[1] == "1.0"
    assert row(elements, "energy")[1] == "not told"


def test_what_fails_comes_with_what_helps(tmp_path):
    config = session.settle(tmp_path / "r", Config(), {})
    with session.opened(tmp_path / "r", config, command=["x"]) as run:
        for number in range(1, 21):
            ledger, _ = generation_of(number)
            run.record(number, ledger, {"policy/entropy": 1.5 / number, "loss/total": 1.0})
    text = shown(tmp_path / "r")
    assert row(Elements(text), "Play has collapsed")[1:3] == ["0.08 look here", "at least 0.10"]
    assert re.search(r"<li>Play has collapsed into a few lines\. Cause: .* Fix: .*opening_plies", text)
    assert len(re.findall("<li>[A-Z][^<]* Cause:", text)) == 1
    assert row(Elements(text), "A loss is infinite")[1] == "0 no sign"
    assert row(Elements(text), "Memory grows")[1] == " not known"


def test_runs_without_matches_or_generations(tmp_path):
    config = session.settle(tmp_path / "new", Config(), {})
    with session.opened(tmp_path / "new", config, command=["x"]):
        assert "No match was played" in report_page.write(tmp_path / "new").read_text()
    with pytest.raises(ValueError, match="is no run folder"):
        report_page.write(tmp_path / "nothing")


def test_several_runs_are_seeds_of_one_experiment(tmp_path, capsys):
    first = with_matches(tmp_path / "a", RUN)
    second = with_matches(tmp_path / "b", [match(generation, score + 0.02) for generation, score in RISING.items()])
    out = tmp_path / "all.html"
    assert cli.guarded(["report", str(first), str(second), "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out)
    elements, record = (
        Elements(out.read_text()),
        crossover.together([crossover.record(lines, "connect4") for lines in (RUN, read.evals(second))]),
    )
    crossed = f"{record.crossings[0].flops:.1e}".replace("e+", "e")
    assert row(elements, "one-ply rules")[1].startswith(f"at {crossed} [")
    assert "Student" in out.read_text()
    assert row(elements, "looked for")[1:3] == ["a", "b"]
    assert cli.guarded(["report", str(first), str(second), "--out", str(tmp_path / "all.png")]) == 0
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")
    assert not list(first.glob("*.png")) and not (first / "report.html").exists()  # a file asked for is all there is
    story = tmp_path / "story.png"
    assert cli.guarded(["report", str(first), str(second), "--out", str(story), "--story"]) == 0
    assert story.read_bytes() != (tmp_path / "all.png").read_bytes()
    assert (
        cli.guarded(["report", str(first), str(second), "--out", str(tmp_path / "dark.png"), "--story", "--dark"]) == 0
    )
    corners = [(255 * image.imread(file)[0, 0, :3]).round().tolist() for file in (story, tmp_path / "dark.png")]
    assert corners == [[255, 255, 255], [13, 17, 23]]
    assert cli.guarded(["report", str(first), "--out", str(tmp_path / "all.html"), "--story"]) == 2
    assert cli.guarded(["report", str(first), "--out", str(tmp_path / "all.png"), "--dark"]) == 2
    assert cli.guarded(["report", str(first), "--out", str(tmp_path / "all.pdf")]) == 2
    other = a_run(tmp_path, "c", game="tictactoe", matches=0)
    capsys.readouterr()
    for picture in (["all.html"], ["all.png"], ["all.png", "--story"]):
        assert cli.guarded(["report", str(first), str(other), "--out", str(tmp_path / picture[0]), *picture[1:]]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"selfplay: {other} is a run of tictactoe, but {first} of connect4: games, and sizes of")


def test_two_settings_are_refused_with_what_differs_and_the_command_that_compares(tmp_path, capsys):
    first, other = with_matches(tmp_path / "a", RUN), with_matches(tmp_path / "b", RUN)
    config = read.Run(other).config
    learn = dataclasses.replace(config.learn, batch=64)
    folder.write_config(other, dataclasses.replace(config, learn=learn, seed=1))
    for out in ("all.html", "all.png"):
        assert cli.guarded(["report", str(first), str(other), "--out", str(tmp_path / out)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line == (
            f"selfplay: {other} is not another seed of {first}: learn.batch is 64, not {config.learn.batch}; `selfplay"
            f" compare {first} -- {other}` says what that changes"
        )
        assert not (tmp_path / out).exists()
    assert cli.guarded(["report", str(first), str(other)]) == 0  # each on a page of its own


def test_price_tags(tmp_path):
    run_dir = with_matches(tmp_path / "r", RUN)
    assert "Price tags" not in shown(run_dir)
    price = {"piece": "zugzwang", "elo": 241.0, "elo_low": 200.0, "elo_high": None, "factor": 4.81, "factor_low": 3.31,
             "factor_high": None}  # fmt: skip
    grown = {"agent": "mcts:sims=64", "opponent": "alphabeta:depth=4", "elo_per_decade": 353.0}
    stored = {"agent": "alphabeta:depth=4", "prices": [price], "growth": grown}
    (run_dir / folder.PRICES).write_text(json.dumps(stored))
    text = shown(run_dir)
    assert row(Elements(text), "odd and even")[1:] == ["+241 [+200, -]", "x 4.81 [3.31, -]"]
    assert "gained 353 Elo by ten times the training compute" in text
    assert "selfplay arena --ablate alphabeta:depth=4 --run runs/again" in text
    (run_dir / folder.PRICES).write_text(json.dumps(stored | {"growth": None}))
    assert row(Elements(shown(run_dir)), "odd and even")[1:] == ["+241 [+200, -]"]


def test_the_frontier_is_drawn_where_it_was_measured(tmp_path):
    """At 256 simulations the crossing comes at a quarter of the compute, at 4 it comes not at all."""
    run_dir = with_matches(tmp_path / "r", RUN)
    assert "frontier" not in shown(run_dir)
    more = [
        dataclasses.replace(match(generation, score, agent="mcts:sims=256"), flops=4e12 * 4 ** (generation - 2))
        for generation, score in RISING.items()
    ]
    fewer = [match(generation, 0.05 * generation, agent="mcts:sims=4") for generation in RISING]
    folder.append(run_dir / folder.FRONTIER, [line.as_dict() for line in more + fewer])
    text = shown(run_dir)
    cells = next(cells for cells in Elements(text).rows if cells[0] == "one-ply rules" and len(cells) == 4)
    assert cells[1] == "beyond 2.6e14" and cells[2].startswith("at 1.6e13 [") and cells[3].startswith("at 4.0e12 [")
    assert ["opponent", "4 simulations", "64 simulations", "256 simulations"] in Elements(text).rows
    assert "selfplay measure runs/again --frontier 4 256" in text
    assert [point.simulations for point in read.Run(run_dir).frontier] == [64, 256, 4]


def test_an_untrained_player_has_no_place_on_a_logarithmic_axis():
    untrained = dataclasses.replace(match(1, 0.1), generation=0, flops=0.0)
    record = crossover.record(RUN, "connect4")
    assert plots.curves(Config(), [], [untrained, *RUN], record) == plots.curves(Config(), [], RUN, record)
    assert plots.curves(Config(), [], RUN, record) != plots.curves(Config(), [], RUN[:3], record)


@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium: apt-get install chromium-headless-shell")
def test_on_a_telephone_and_in_the_dark(tmp_path):
    api = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page_path = tmp_path / "page.html"
    page_path.write_text(shown(with_matches(tmp_path / "r", [*RUN, match(4, 0.3, agent="net")])))
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(page_path.as_uri())
        assert (asked, said) == ([page_path.as_uri()], [])
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        sideways = "[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth).length"
        assert page.evaluate(sideways) == 0  # a row of a table is a card here
        ground, ink = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        assert max(map(int, re.findall(r"\d+", ground))) < 60 < 200 < min(map(int, re.findall(r"\d+", ink)))
        widths = page.evaluate(
            "[...document.querySelectorAll('figure > svg')].map(svg => svg.getBoundingClientRect().width)"
        )
        assert [width == 0 for width in widths] == [
            True,
            False,
            False,
            False,
            False,
            False,
        ]  # the wide story is not shown
        assert all(300 < width <= 390 for width in widths[1:])
        violations = axe.Axe().run(page).response["violations"]
        assert [found["id"] for found in violations if found["impact"] in ("serious", "critical")] == []
        browser.close()
