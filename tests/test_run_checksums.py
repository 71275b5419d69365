"""Checksums of the texts of a run: what was changed is named, the rest is used, and no kill makes a false alarm."""

import json
import shutil
import subprocess
import sys
import warnings

import pytest
from matches import a_line

from selfplay import cli
from selfplay.config import Config
from selfplay.ledger import Ledger
from selfplay.run import atomic, checkpoint, checksums, folder, read, session
from selfplay.run.checksums import DamageWarning
from selfplay.stats import crossover

GENERATIONS = 5
STATE: dict[str, bytes] = dict.fromkeys(checkpoint.STATE, b"content")


def match(number):
    pairs, flops = [0, 0, 10 - number, 0, number], 1e9 * 4**number
    return a_line(generation=number, flops=flops, wins=2 * number, draws=20 - 2 * number, pairs=pairs, distinct_games=9)


def go_on(run_dir, until, given=None):
    config = session.settle(run_dir, Config(), given or {"game": "connect4"})
    with session.opened(run_dir, config, command=["selfplay", "train"]) as run:
        for number in range(run.generation + 1, until + 1):
            spent = Ledger(games=10 * number, play_flops=1e9 * number)
            run.record(number, spent, {"loss/total": 1 / number}, [match(number)])
            checkpoint.write(run_dir, number, STATE)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("whole") / "r"
    go_on(run_dir, GENERATIONS)
    return run_dir


@pytest.fixture
def run_dir(tmp_path, whole):
    return shutil.copytree(whole, tmp_path / "r")


def generations(run_dir):
    return [line.generation for line in read.metrics(run_dir)], [line.generation for line in read.evals(run_dir)]


def everything(run_dir):
    return {path.name: path.read_bytes() for path in run_dir.iterdir() if path.is_file()}


def doctor(run_dir, capsys):
    """The second row of the table, which is that of the texts."""
    assert cli.guarded(["doctor", str(run_dir)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert cli.guarded(["doctor", str(run_dir), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)[1]
    assert found["symptom"] == "A file of the run was changed"
    return found["verdict"], text


def change_line(path, number, old, new):
    lines = path.read_bytes().splitlines(keepends=True)
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new, 1)
    path.write_bytes(b"".join(lines))


def cut_lines(path, *numbers):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for number, line in enumerate(lines, 1) if number not in numbers))


def test_the_lines_are_as_they_were_and_have_a_checksum_each(run_dir, capsys):
    first = json.loads((run_dir / folder.METRICS).read_text().splitlines()[0])
    assert list(first)[:1] == ["generation"] and list(first)[-1] == "loss/total"
    assert (run_dir / checksums.DIR / folder.METRICS).stat().st_size == 9 * GENERATIONS
    assert checksums.of(b"123456789") == b"cbf43926\n"  # the check value of CRC-32
    assert generations(run_dir) == ([1, 2, 3, 4, 5],) * 2
    assert doctor(run_dir, capsys)[0] == "well"


DAMAGES = [
    (lambda path: change_line(path, 3, b": 3", b": 2"), [3], "line 3 is not as it was written; the other 4 are used"),
    (lambda path: change_line(path, 5, b"}\n", b"}}"), [5], "line 5 is not as it was written; the other 4 are used"),
    (lambda path: change_line(path, 1, b"{", b"\xff"), [1], "line 1 is not as it was written; the other 4 are used"),
    (lambda path: change_line(path, 2, b"\n", b" "), [2, 3], "line 2 is not as it was written, 1 line is missing;"),
    (lambda path: cut_lines(path, 2), [2], "1 line is missing; the other 4 are used"),
    (lambda path: cut_lines(path, 4, 5), [4, 5], "2 lines are missing; the other 3 are used"),
    (lambda path: path.write_bytes(path.read_bytes()[:-7]), [5], "line 5 is not as it was written; the other 4 are"),
    (lambda path: path.write_bytes(b""), [1, 2, 3, 4, 5], "5 lines are missing; no other is there"),
    (lambda path: path.write_bytes(b"\0" * 999), [1, 2, 3, 4, 5], "line 1 is not as it was written, 4 lines are"),
    (lambda path: path.unlink(), [1, 2, 3, 4, 5], "5 lines are missing; no other is there"),
]


@pytest.mark.parametrize("name", [folder.METRICS, folder.EVALS])
@pytest.mark.parametrize(("damage", "lost", "said"), DAMAGES)
def test_a_damaged_log_is_named_and_the_rest_of_it_used(run_dir, capsys, name, damage, lost, said):
    damage(run_dir / name)
    kept = [number for number in range(1, 6) if number not in lost]
    with pytest.warns(DamageWarning) as caught:
        found = dict(zip((folder.METRICS, folder.EVALS), generations(run_dir), strict=True))
    assert [str(one.message).startswith(f"{run_dir / name}: {said}") for one in caught] == [True]
    assert found.pop(name) == kept
    assert found.popitem()[1] == [1, 2, 3, 4, 5]
    verdict, text = doctor(run_dir, capsys)
    assert verdict == "look here" and f"{name}: {said}" in text


def test_every_changed_byte_of_a_log_is_noticed(run_dir):
    path = run_dir / folder.EVALS
    content = path.read_bytes()
    for at in range(0, len(content), 7):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        assert folder.damage(path), at


def test_training_goes_on_without_the_damaged_lines_and_keeps_them_beside(run_dir):
    path = run_dir / folder.EVALS
    change_line(path, 3, b'"wins": ', b'"wins": 1')
    before = path.read_bytes()
    with pytest.warns(DamageWarning, match=r"line 3 is not .*; as it was, it is evals.jsonl.damaged now"):
        go_on(run_dir, 6)
    assert path.with_name("evals.jsonl.damaged").read_bytes() == before
    assert generations(run_dir) == ([1, 2, 3, 4, 5, 6], [1, 2, 4, 5, 6])


def test_a_crossover_is_not_that_of_damaged_lines(run_dir, capsys):
    lines = read.evals(run_dir)
    change_line(run_dir / folder.EVALS, 5, b'"pairs": [', b'"pairs": [9')
    with pytest.warns(DamageWarning, match="line 5"):
        assert cli.guarded(["crossover", str(run_dir), "--json"]) == 0
    right = crossover.together([crossover.record(lines[:4], "connect4")])
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(right.as_dict()))


def test_the_command_says_it_in_one_line(run_dir):
    change_line(run_dir / folder.EVALS, 2, b": 2", b": 3")
    change_line(run_dir / folder.CONFIG, 3, b"connect4", b"gomoku9 ")
    path = run_dir / folder.CONFIG
    path.write_text(path.read_text().replace("gomoku9 ", "connect4").replace("seed = 0", "seed = 7"))
    command = [sys.executable, "-m", "selfplay", "crossover", str(run_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f"selfplay: warning: {run_dir}/config.toml was changed since the run wrote it",
        f"selfplay: warning: {run_dir}/evals.jsonl: line 2 is not as it was written; the other 4 are used",
    ]


def test_settings_that_somebody_changed_are_said_to_be_and_taken(run_dir, capsys):
    path = run_dir / folder.CONFIG
    path.write_text(path.read_text().replace("learning_rate = 0.002", "learning_rate = 0.003"))
    with pytest.warns(DamageWarning, match=r"config.toml was changed since the run wrote it"):
        assert read.Run(run_dir).config.learn.learning_rate == 0.003
    assert "config.toml is not as it was written" in doctor(run_dir, capsys)[1]
    with pytest.warns(DamageWarning, match=r"config.toml was changed"):
        go_on(run_dir, 6, {"learn": {"learning_rate": 0.003}})
    first, second = read.Run(run_dir).meta["sessions"]
    assert "config_edited" not in first and second["config_edited"] is True
    assert doctor(run_dir, capsys)[0] == "well"


def test_other_objects_that_were_changed_are_said_to_be(run_dir, capsys):
    path = run_dir / folder.META
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.warns(DamageWarning, match=r"meta.json is not as it was written"):
        assert read.Run(run_dir).meta["seed"] == 1
    assert "meta.json is not as it was written" in doctor(run_dir, capsys)[1]


def test_a_damaged_crossover_is_made_again(run_dir):
    from selfplay.arena import moments

    lines = read.evals(run_dir)
    right = crossover.record(lines, "connect4")
    moments.write_record(run_dir, right)
    path = run_dir / folder.CROSSOVER
    path.write_text(path.read_text().replace('"connect4"', '"connect5"'))
    assert read.recorded_crossover(run_dir, "connect4", lines) == right


def test_a_run_of_before_there_were_checksums_is_read_and_has_them_from_its_next_session_on(run_dir, capsys):
    shutil.rmtree(run_dir / checksums.DIR)
    change_line(run_dir / folder.METRICS, 3, b": 3", b": 2")
    assert generations(run_dir) == ([1, 2, 2, 4, 5], [1, 2, 3, 4, 5])
    verdict, text = doctor(run_dir, capsys)
    assert verdict == "not known" and "there are no checksums: the run was written by a version that kept none" in text
    folder.append(run_dir / folder.METRICS, [{"generation": 6}])
    assert not (run_dir / checksums.DIR).exists()
    go_on(run_dir, 6)
    assert {path.name for path in (run_dir / checksums.DIR).iterdir()} == {
        folder.CONFIG,
        folder.META,
        folder.METRICS,
        folder.EVALS,
    }
    assert doctor(run_dir, capsys)[0] == "well"


def test_a_line_of_nonsense_is_named_without_checksums_too(run_dir):
    shutil.rmtree(run_dir / checksums.DIR)
    change_line(run_dir / folder.EVALS, 3, b"{", b"[")
    with pytest.warns(DamageWarning, match="line 3 is not as it was written; the other 4 are used"):
        assert generations(run_dir)[1] == [1, 2, 4, 5]


class KilledError(BaseException):
    pass


def killed_at(step, monkeypatch):
    """Every change of the disk from the `step`-th on fails; the number of changes that were asked for."""
    count = 0
    import os
    from pathlib import Path

    def counting(name, where, before):
        def call(*args, **kwargs):
            nonlocal count
            count += 1
            if count > step:
                raise KilledError(name)
            return before(*args, **kwargs)

        monkeypatch.setattr(where, name, call)

    for name, where in (("fsync", os), ("replace", Path), ("unlink", Path), ("mkdir", Path)):
        counting(name, where, getattr(where, name))


def test_no_kill_makes_a_false_alarm(tmp_path, whole, monkeypatch):
    """Killed before each of the changes of the disk that going on makes, also where lines are cut in their midst."""
    step = kills = 0
    while True:
        step += 1
        run_dir = shutil.copytree(whole, tmp_path / f"r{step}")
        shutil.rmtree(run_dir / "checkpoints" / "000005")
        with (run_dir / folder.METRICS).open("a") as file:
            file.write('{"generation": 6, "ga')
        with monkeypatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("error", DamageWarning)
            killed_at(step, patch)
            try:
                go_on(run_dir, 6)
                break
            except (KilledError, OSError):
                kills += 1
        generations(run_dir)
        assert folder.is_whole(run_dir / folder.CONFIG) and folder.is_whole(run_dir / folder.META)
        go_on(run_dir, 6)
        assert generations(run_dir) == ([1, 2, 3, 4, 5, 6],) * 2
        assert len(checksums.known(run_dir / folder.EVALS) or ()) == 6
        shutil.rmtree(run_dir)
    assert kills > 40


def test_a_reader_beside_a_writer_sees_no_damage(run_dir):
    """Which adds lines, and now and then cuts them."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom selfplay.run import folder\npath = Path(sys.argv[1])\n"
        "for n in range(6, 400):\n    folder.append(path, [{'generation': n}])\n"
        "    n % 20 or folder.mend(path, lambda generation: generation % 20 > 3)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(run_dir / folder.METRICS)])
    looks = 0
    while writer.poll() is None:
        assert folder.damage(run_dir / folder.METRICS) == ""
        looks += 1
    assert writer.returncode == 0 and looks > 20


def test_a_file_that_is_replaced_while_it_is_read_is_looked_at_again(run_dir, monkeypatch):
    """Its checksums were read before it was cut, and its lines after."""
    before = checksums.known(run_dir / folder.EVALS)
    folder.mend(run_dir / folder.EVALS, lambda generation: generation < 3)
    after = checksums.known(run_dir / folder.EVALS)
    seen = iter([before, after])
    monkeypatch.setattr(checksums, "known", lambda path: next(seen, after))
    assert folder.damage(run_dir / folder.EVALS) == ""


def test_a_line_that_has_no_checksum_yet_is_used_after_a_damaged_one(run_dir):
    """Killed between the line and its checksum."""
    path, sums = run_dir / folder.EVALS, checksums.place(run_dir / folder.EVALS)
    sums.write_bytes(sums.read_bytes()[:-9])
    change_line(path, 4, b": 4", b": 3")
    with pytest.warns(DamageWarning, match="line 4 is not as it was written; the other 4 are used"):
        assert generations(run_dir)[1] == [1, 2, 3, 5]


def test_a_power_cut_may_take_checksums_and_leaves_none_that_do_not_fit(run_dir):
    """The end of the file of checksums is gone, or is what the disk held there before."""
    sums = checksums.place(run_dir / folder.EVALS)
    for content in (sums.read_bytes()[:-9], sums.read_bytes()[:-13], b""):
        sums.write_bytes(content)
        assert generations(run_dir)[1] == [1, 2, 3, 4, 5]
        go_on(run_dir, 5)
        assert len(checksums.known(run_dir / folder.EVALS) or ()) == 5


def test_no_other_file_has_checksums(tmp_path):
    folder.append(tmp_path / folder.MATCHES, [{"generation": 1}])
    atomic.write_file(tmp_path / folder.LATEST, b"{}")
    assert not (tmp_path / checksums.DIR).exists()
