"""The pages of docs/ and the README, followed: every command in their fenced blocks is run, in one folder, with budgets
cut down by `ADDED` and `SMALLER`; what is written in the text is understood by the command line; tables, links and
pictures are what they should be.

`python tests/test_docs.py` writes the tables of docs/read-the-curves.md anew, from what the program says of itself.
"""

import http.client
import io
import json
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from optional import present

import games
from games import record
from games.text import parse_moves
from selfplay import cli
from selfplay.report import health
from selfplay.run import metrics

ROOT = Path(__file__).resolve().parent.parent
TUTORIALS = ["train-your-first-player", "read-the-curves", "fair-matches", "crossover-picture", "compare"]
PAGES = {name: ROOT / "docs" / f"{name}.md" for name in TUTORIALS} | {"README": ROOT / "README.md"}
CURVES = PAGES["read-the-curves"]

# What is added to each command to make it small: of a flag that is given twice, the last counts. Commands that begin
# with other words are unknown, and fail.
TINY = "--config tiny --network.architecture resnet:1x8"
ADDED = {
    "selfplay train": f"{TINY} --generations 3 --quiet",
    "selfplay arena": "--games 4",
    "selfplay measure": "--games 2 --final_games 2 --per_decade 1",
    "selfplay eval": "--positions 1",
    "selfplay bench": "--seconds 0.02 --games 4 --threads 1 --network resnet:1x8",
    "selfplay serve": "--port 0",
    "selfplay play": "",
    "selfplay analyze": "",
    "selfplay crossover": "",
    "selfplay compare": "",
    "selfplay lab": "--preset tiny",
    "selfplay report": "",
    "selfplay export": "",
    "selfplay engine": "",
    "selfplay doctor": "",
    "tensorboard": "",
    "make": "--dry-run",
    "git clone": "",
    "cd": "",
}
SMALLER = [  # in every command, a pattern and what takes its place
    (r"sims=\d+", "sims=2"),
    (r"\bms=\d+", "ms=1"),
    (r"@\d+", "@1"),
    (r"--frontier [\d ]+", "--frontier 1 3 "),
    (r"gomoku9", "gomoku:size=7"),  # a board that other tests have compiled
]
PATIENCE = 600  # seconds for a server's first answer: a busy machine may have to compile
TYPED = {"selfplay play": "4\nhint\nquit\n", "selfplay engine": "START 15\nBEGIN\nEND\n"}


def blocks(text):
    """The lines of fenced blocks that are for a shell: no language, or `sh`."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        if language in ("", "sh"):
            yield from filter(None, map(str.strip, block.splitlines()))


def commands(page):
    """Each command of a page, with what is piped into it: (stdin or None, words)."""
    for line in blocks(page.read_text(encoding="utf-8")):
        for part in line.split("&&"):
            typed, pipe, rest = part.rpartition("|")
            words = shlex.split(rest, comments=True)
            said = shlex.split(typed)
            assert not pipe or said[0] == "echo", line
            yield (" ".join(said[1:]) + "\n" if pipe else None), words


def smaller(words):
    """The kind of the command, and its words with a small budget."""
    kinds = [kind for kind in ADDED if words[: len(kind.split())] == kind.split()]
    assert kinds, f"{shlex.join(words)}: a command that this test does not know how to make small"
    text = shlex.join(words)
    for pattern, short in SMALLER:
        text = re.sub(pattern, short, text)
    return kinds[0], [*shlex.split(text), *ADDED[kinds[0]].split()]


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """A folder with the runs that the pages speak of, copies of one that was trained on a few positions."""
    folder = tmp_path_factory.mktemp("docs")
    here = Path.cwd()
    os.chdir(folder)
    try:
        argv = ["train", "--game", "connect4", *TINY.split(), "--generations", "2", "--quiet"]
        assert cli.guarded(argv) == 0
    finally:
        os.chdir(here)
    for name in ("a", "b", "a0", "a1", "a2", "b0", "b1", "b2"):
        shutil.copytree(folder / "runs/connect4", folder / "runs" / name)
    game = games.make("connect4")
    won = record.of_game(game, "rules", "mcts:sims=64", parse_moves(game, "1212121"))
    record.append(folder / "runs/connect4/overtaken.jsonl", [won])
    record.append(folder / "games.jsonl", [won] * 3)
    return folder


done = set()
"""commands that were run on a page already"""


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", PAGES)
def test_every_command_runs(name, ground, monkeypatch, capsys):
    monkeypatch.chdir(ground)
    found = list(commands(PAGES[name]))
    assert len(found) >= 5
    for typed, words in found:
        kind, small = smaller(words)
        if (typed, tuple(small)) in done:
            continue
        done.add((typed, tuple(small)))
        trouble = run(kind, small, TYPED.get(kind, "") if typed is None else typed, monkeypatch)
        shown = capsys.readouterr()
        assert not trouble, f"{shlex.join(words)}\n(as {shlex.join(small)})\n{trouble}\n{shown.err[-2000:]}"


def run(kind, words, typed, monkeypatch):
    """Run a command; what went wrong, if anything did."""
    if kind == "cd":
        return ""
    if kind == "git clone":
        return cloned()
    if kind in ("selfplay serve", "tensorboard"):
        return asked_once(words)
    if kind in ("make", "selfplay engine"):  # the engine takes the process's own stdin
        argv = [sys.executable, "-m", *words] if words[0] == "selfplay" else words
        where = ROOT if words[0] == "make" else None
        ended = subprocess.run(argv, input=typed, capture_output=True, text=True, timeout=PATIENCE, cwd=where)
        return ended.stderr if ended.returncode else "" if ended.stdout.strip() else "it said nothing"
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    code = cli.guarded(words[1:])
    return f"exit code {code}" if code else ""


def cloned():
    """What `git clone` gives of this repository is enough to begin with: its Makefile and what that installs."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True)
    needed = {
        "Makefile",
        ".ci/install.py",
        "pyproject.toml",
        "selfplay/cli.py",
        "games/game.py",
        "configs/connect4.toml",
    }
    missing = needed - set(listed.stdout.split())
    return f"not in git: {missing}" if missing and listed.returncode == 0 else ""


def asked_once(words):
    """Start a server, ask for its page, and stop it by Ctrl-C."""
    if words[0] == "tensorboard":
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        argv = [sys.executable, "-m", "tensorboard.main", *words[1:], "--port", str(port)]
    else:
        pytest.importorskip("starlette")
        port, argv = None, [sys.executable, "-m", *words]  # it says itself where it is
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            if port is None:
                port = urlsplit(present(re.search(r"http://\S+", present(server.stdout).readline()))[0]).port
            return answered(port, until=time.monotonic() + PATIENCE)
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=PATIENCE)


def answered(port, until):
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            page = answer.read()
            return "" if answer.status == 200 and b"<html" in page.lower() else f"status {answer.status}"
        except OSError:
            if time.monotonic() > until:
                return "no answer"
            time.sleep(0.2)
        finally:
            connection.close()


def test_a_command_that_nobody_made_small_fails():
    with pytest.raises(AssertionError, match="does not know"):
        smaller(["curl", "-O", "x"])
    with pytest.raises(AssertionError, match="does not know"):
        smaller(["selfplay", "trian"])
    assert smaller(shlex.split("selfplay arena mcts:runs/x@20,sims=64 rules --games 400"))[1] == shlex.split(
        "selfplay arena mcts:runs/x@1,sims=2 rules --games 400 --games 4"
    )


PLACEHOLDERS = {"PART": "all", "S": "0", "N": "1", "G": "connect4"}
ALL_PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]


EVERY_PAGE = [*ALL_PAGES, *sorted((ROOT / "docs" / "lab").glob("*.md"))]


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: page.stem)
def test_commands_in_the_text_are_understood(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for inline in re.findall(r"`selfplay ([^`]*)`", text):
        name, *words = (PLACEHOLDERS.get(word, word) for word in shlex.split(inline))
        module, _ = cli.COMMANDS[name]
        if words and words != ["--help"]:
            parser = cli._Parser(prog=f"selfplay {name}", allow_abbrev=False)
            import_module(module).add_arguments(parser)
            parser.parse(words)  # ValueError names what is unknown


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: page.stem)
def test_links_and_pictures_are_there(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        path = page.parent / target
        assert path.exists(), target
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG")
            assert path.stat().st_size <= (300_000 if path.stem.endswith("-seeds") else 200_000), target


def test_the_readme_leads_to_every_page():
    readme = PAGES["README"].read_text(encoding="utf-8")
    assert [page.name for page in ALL_PAGES[:-1] if f"(docs/{page.name})" not in readme] == []


def linked(text):
    """The pages of docs/ that a text links to, in its order."""
    return re.findall(r"\]\(docs/([\w./-]+\.md)\)", text)


def test_the_site_has_the_groups_of_the_readme():
    readme = PAGES["README"].read_text(encoding="utf-8")
    groups = dict(re.findall(r"^\| ([A-Z][\w ]+) \| (\[.*) \|$", readme, flags=re.MULTILINE))
    assert len(groups) == 3
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    nav = {name: re.findall(r"([\w./-]+\.md)", pages) for name, pages in re.findall(
        r"^  - ([\w ]+):\n((?:      - .*\n)+)", text, flags=re.MULTILINE)}  # fmt: skip
    for name, row in groups.items():
        named = [page for page in linked(row) if page != "index.md"]
        assert [page for page in nav[name] if page in named] == named, name
    everywhere = [page for pages in nav.values() for page in pages] + ["index.md"]
    there = [path.name for path in (ROOT / "docs").glob("*.md")]
    assert sorted(page for page in everywhere if "/" not in page) == sorted(there), "every page stands in one group"


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)
def test_a_picture_is_there_for_telephones_too(page):
    """At 390 pixels nobody can read the wide one; .ci/site.py chooses."""
    for target in re.findall(r"!\[[^]]*\]\(([^)#:]+)\.png\)", page.read_text(encoding="utf-8")):
        width, height = struct.unpack(">II", (page.parent / f"{target}-narrow.png").read_bytes()[16:24])
        assert width <= 800 < height, target


def tables():
    """The tables of docs/read-the-curves.md by the name between their marks."""
    rows = [f"| `{m.name}` ({m.unit}) | {m.meaning} | {m.healthy} |".replace("||", "\\|\\|") for m in metrics.METRICS]
    return {
        "metrics": "\n".join(["| name | what it is | healthy |", "|---|---|---|", *rows]) + "\n",
        "health": health.table(),
    }


def test_the_tables_are_those_of_the_program():
    page = CURVES.read_text(encoding="utf-8")
    for name, table in tables().items():
        assert f"<!-- {name} -->\n{table}<!-- end -->\n" in page, "python tests/test_docs.py writes them anew"


def test_health_rows_speak_of_metrics_and_settings_that_exist():
    from selfplay.commands import train

    settings = {name for name, *_ in train.settings()}
    for check in health.CHECKS:
        words = " ".join((check.shows_in, check.cause, check.fix))
        for name in re.findall(r"`(?:--)?(\w+\.\w+)`", words):
            assert name in settings or name == "games.laws", name
        for name in re.findall(r"`(\w+/\w+)`", words):
            assert metrics.describe(name)
        for command in re.findall(r"`selfplay (\w+)", words):
            assert command in cli.COMMANDS


def test_an_installation_shows_what_it_fetches_and_no_more():
    found = spec_from_file_location("install", ROOT / ".ci" / "install.py")
    install = module_from_spec(present(found))
    present(present(found).loader).exec_module(install)
    for line, shown in (
        ("Downloading torch-2.3.1+cpu-cp311-cp311-linux_x86_64.whl (190.4 MB)", "  torch 2.3.1+cpu, 190.4 MB"),
        ("  Using cached https://a.b/c/rich-13.7.1-py3-none-any.whl (240 kB)", "  rich 13.7.1, 240 kB"),
        ("  Downloading bitbully-0.1.tar.gz (1.2 MB)", "  bitbully 0.1, 1.2 MB"),
        ("Downloading rich-13.7.1-py3-none-any.whl.metadata (18 kB)", ""),
        ("Installing collected packages: rich, torch", "  unpacking 2 packages"),
        ("Requirement already satisfied: numpy in /a", ""),
    ):
        assert install.told(line) == shown, line


if __name__ == "__main__":
    text = CURVES.read_text(encoding="utf-8")
    for name, table in tables().items():
        text = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- end -->\n)", lambda m, t=table: m[1] + t + m[2], text, flags=re.DOTALL
        )
    CURVES.write_text(text, encoding="utf-8")
    json.dump({name: len(table) for name, table in tables().items()}, sys.stdout)


def test_every_promise_names_a_test_that_is_there():
    page = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    rows = [row.split("|")[1:3] for row in page.splitlines() if row.startswith("| ")]
    promises = [row for row in rows if row[0] != " promise "]
    assert len(promises) > 15
    for promise, held_by in promises:
        named = re.findall(r"`(test_\w+)::(test_\w+)`", held_by)
        assert named, promise
        for file, test in named:
            assert f"def {test}(" in (ROOT / "tests" / f"{file}.py").read_text(encoding="utf-8"), promise


def test_packages_are_as_small_as_the_house_says():
    """docs/house.md: at most thirteen files in a package, and few at the top."""
    packages = {path.parent for path in (ROOT / "selfplay").rglob("*.py")}
    crowded = [package.name for package in packages if len(list(package.glob("*.py"))) > 13]
    assert len(packages) > 15 and crowded == []
    top = {path.name for path in (ROOT / "selfplay").glob("*.py")}
    assert top == {"__init__.py", "__main__.py", "cli.py", "config.py", "ledger.py"}
