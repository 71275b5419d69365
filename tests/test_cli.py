"""The command line: a mistake costs one line and exit code 2, and nothing else."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from optional import present

import games
from selfplay import cli
from selfplay.commands import train
from selfplay.config import Config, RenamedSetting
from selfplay.report.terminal import stopping
from selfplay.run import checkpoint, folder, session

ROOT = Path(__file__).resolve().parent.parent
SELFPLAY = [sys.executable, "-m", "selfplay"]


def said(capsys, *argv):
    """Exit code and the lines on stdout and stderr."""
    code = cli.guarded(argv)
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err.splitlines()


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def a_run(path, given, generations=1):
    config = session.settle(path, Config(), given)
    with session.opened(path, config, command=["x"]):
        for generation in range(1, generations + 1):
            checkpoint.write(path, generation, dict.fromkeys(checkpoint.STATE, b"x"))


MISTAKES = [
    ("trian", "unknown command 'trian' (did you mean train?)"),
    ("--versoin", "unknown argument --versoin (did you mean --version?)"),
    ("train --game conect4", "unknown game 'conect4' (did you mean 'connect4'?)"),
    ("train --game gomoku:sise=9", "game 'gomoku' has no option 'sise' (did you mean 'size'?)"),
    ("train --sims 3", "unknown argument --sims (did you mean --search.simulations or --eval.simulations?)"),
    ("train --lr 0.1", "unknown argument --lr (did you mean --learn.learning_rate?)"),
    ("train --device gpu", "device is one of auto, cpu, cuda, not 'gpu' (did you mean 'cuda'?)"),
    ("play --level hard", "unknown argument --level (did you mean --agent?)"),
    ("play --zoom 3", "unknown argument --zoom; see selfplay play --help"),
    ("train minutes 3", "unknown argument minutes (did you mean --minutes 3?)"),
    ("--game connect4", "a command is missing, as in selfplay play --game connect4"),
    ("--quiet train --minutes 1", "a command is missing, as in selfplay play --game connect4"),
    ("play --agent pretrained", "unknown agent 'pretrained' (did you mean 'mcts:pretrained,sims=200'?)"),
    ("train --minutes 10,5", "minutes is a number, not '10,5'; for example --minutes 10.5"),
    ("train --minutes 0,500", "minutes is a number, not '0,500'; for example --minutes 0.5"),
    ("train --minutes 1,000", "minutes is a number, not '1,000'; for example --minutes 1000"),
    ("train --minutes 1,2,3", "minutes is a number, not '1,2,3'; for example --minutes 10"),
    ("train --play.games 10,5", "play.games is a whole number, not '10,5'; for example --play.games"),
    ("train connect4", "unknown argument connect4 (did you mean --game connect4?)"),
    ("train --search.simulation 3", "unknown argument --search.simulation (did you mean --search.simulations?)"),
    ("train --search.simulations many", "search.simulations is a whole number, not 'many'"),
    ("train --search.simulations 2.5", "search.simulations is a whole number, not '2.5'"),
    ("train --learn.replay_ratio much", "learn.replay_ratio is a number, not 'much'"),
    ("train --minutes 10m", "minutes is a number, not '10m'; for example --minutes 10"),
    ("train --minutes 1h", "minutes is a number, not '1h'; for example --minutes 60"),
    ("train --minutes ten", "minutes is a number, not 'ten'; for example --minutes 10"),
    ("train --flops lots", "flops is a number, not 'lots'; for example --flops 1e14"),
    ("train --play.games 1e3", "play.games is a whole number, not '1e3'; for example --play.games 1000"),
    ("train --seeds three", "--seeds is a whole number, not 'three'; for example --seeds 3"),
    ("arena a b --game connect4 --games 1,000", "--games is a whole number, not '1,000'; for example --games 1000"),
    ("arena a b --game connect4 --games many", "--games is a whole number, not 'many'; for example --games 400"),
    ("bench --seconds 2min", "--seconds is a number, not '2min'; for example --seconds 120"),
    ("serve --port http", "--port is a whole number, not 'http'; for example --port 8000"),
    ("measure begun --frontier 1 few", "--frontier is a whole number, not 'few'; for example --frontier 100"),
    ("train --search.prove maybe", "search.prove is true or false, not 'maybe'"),
    ("train --search.simulations", "argument --search.simulations: expected 1 argument"),
    ("train --search.simulations 0", "search.simulations is at least 1, not 0"),
    ("train --device cpuu", "device is one of auto, cpu, cuda, not 'cpuu' (did you mean 'cpu'?)"),
    ("train --minutes 0", "no end is set"),
    ("train --config tinny", "no config file or preset 'tinny' (did you mean 'tiny'?)"),
    ("train --config missing.toml", "cannot read missing.toml: No such file or directory"),
    ("train --config key.toml", "unknown setting 'search.simulaton' (did you mean 'simulations'?)"),
    ("train --config type.toml", "search.simulations is of type int, not str ('many')"),
    ("train --config broken.toml", "broken.toml is not valid TOML"),
    ("train --network.architecture resnet:3", "resnet:3"),
    ("train --eval.opponents ruels", "unknown agent 'ruels' (did you mean 'rules'?)"),
    ("train --run begun --game gomoku9", "begun was begun with game = 'connect4', which cannot become 'gomoku:size=9"),
    ("train --run begun --game connect4:width=5", "begun was begun with game = 'connect4'"),
    ("train --run begun --seed 4", "begun was begun with seed = 0, which cannot become 4"),
    ("train --run begun --fresh", "begun exists already"),
    ("train --run full", "full is no run folder: it holds 'thesis.tex' but no config.toml"),
    ("train --run full/thesis.tex", "full/thesis.tex is a file, not a run folder"),
    ("report nosuch", "nosuch is no run folder; . has begun, damaged"),
    ("serve --runs full/thesis.tex", "full/thesis.tex is a file; give the folder that holds the runs"),
    ("play --replay begun", "begun is a run folder, not a file of games"),
    ("play --replay key.toml", "key.toml holds no games; a file of games is our own .jsonl, psq or SGF"),
    ("train --run a,b", "the name of a run folder holds no comma, or no agent could name it: a,b"),
    ("train --run damaged", "no whole checkpoint in damaged/checkpoints (000001: learner.pt is damaged)"),
]


@pytest.mark.parametrize(("command", "line"), MISTAKES, ids=[command for command, _ in MISTAKES])
def test_a_mistake_is_one_line(capsys, tmp_path, command, line):
    (tmp_path / "key.toml").write_text("[search]\nsimulaton = 3")
    (tmp_path / "type.toml").write_text('[search]\nsimulations = "many"')
    (tmp_path / "broken.toml").write_text("[search")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    for name in ("begun", "damaged"):
        a_run(tmp_path / name, {"game": "connect4"})
    (tmp_path / "damaged/checkpoints/000001/learner.pt").write_bytes(b"other")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != folder.LOCK}
    code, out, err = said(capsys, *command.split())
    assert (code, out) == (2, [])
    assert line in err[-1]
    assert err[-1].startswith("selfplay: ")
    others = [line for line in err[:-1] if not line.startswith(("selfplay: warning: ", "compiling "))]
    assert others == []
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != folder.LOCK}
    assert after == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
@pytest.mark.parametrize("command", ["train --device cuda --run new", "bench --device cuda"])
def test_a_device_that_is_not_here_is_refused_before_anything_else(capsys, tmp_path, command):
    code, out, err = said(capsys, *command.split())
    assert (code, out) == (2, [])
    assert err[-1] == "selfplay: device cuda was asked for, but torch sees no CUDA device here; use --device cpu"
    assert list(tmp_path.iterdir()) == []


def test_help_is_a_command(capsys):
    assert said(capsys, "help") == said(capsys, "--help")
    code, out, err = said(capsys, "help", "crossover")
    assert (code, err) == (0, [])
    assert out[0].startswith("usage: selfplay crossover ")


def test_no_command_shows_the_commands(capsys):
    code, out, err = said(capsys)
    assert (code, out) == (2, [])
    assert err[0].startswith("usage: selfplay")


def test_a_folder_in_use(capsys, tmp_path):
    config = session.settle(tmp_path / "r", Config(), {})
    with session.opened(tmp_path / "r", config, command=["x"]):
        code, out, err = said(capsys, "train", "--run", "r")
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith(f"selfplay: r is in use by process {os.getpid()} ")


def test_an_unreadable_folder(capsys, tmp_path, monkeypatch):
    a_run(tmp_path / "r", {})

    def refused(*_):
        raise PermissionError(13, "Permission denied", "r/config.toml")

    monkeypatch.setattr("selfplay.run.folder.read_toml", refused)
    assert said(capsys, "train", "--run", "r") == (2, [], ["selfplay: r/config.toml: Permission denied"])


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("two\nlines"), 2, "selfplay: two lines"),
        (OSError(28, "No space left on device", "runs/x"), 2, "selfplay: runs/x: No space left on device"),
        (KeyboardInterrupt(), 130, "selfplay: stopped by Ctrl-C"),
        (stopping.Terminated(), 143, "selfplay: stopped by SIGTERM"),
    ],
)
def test_exit_codes(capsys, monkeypatch, error, code, line):
    def fail(argv):
        raise error

    monkeypatch.setattr(cli, "run", fail)
    assert said(capsys, "train") == (code, [], [line])


def test_our_own_bugs_keep_their_traceback(monkeypatch):
    def fail(argv):
        raise AssertionError

    monkeypatch.setattr(cli, "run", fail)
    with pytest.raises(AssertionError):
        cli.guarded(["train"])
    monkeypatch.setenv("SELFPLAY_DEBUG", "1")
    monkeypatch.setattr(cli, "run", lambda argv: int("x"))
    with pytest.raises(ValueError, match="invalid literal"):
        cli.guarded(["train"])


def test_help_is_quick_and_imports_nothing_heavy():
    code = (
        "import sys; from selfplay import cli; code = cli.guarded(['--help'])\n"
        "heavy = [name for name in ('torch', 'numba', 'numpy', 'matplotlib') if name in sys.modules]\n"
        "print(code, heavy)"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert time.perf_counter() - began < 2  # 0.05 s on an idle machine
    lines = done.stdout.splitlines()
    assert lines[-1] == "0 []"
    for name in cli.COMMANDS:
        assert any(line.split()[:1] == [name] for line in lines)


def test_train_and_its_help_do_not_load_torch():
    code = (
        "import sys; from selfplay import cli; codes = cli.guarded(['train', '--help']),"
        " cli.guarded(['train', '--seed', 'x'])\nprint(codes, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "(0, 2) False"


def test_every_setting_has_its_flag_with_the_sentence_of_the_source():
    found = {name: (kind, default, sentence) for name, kind, default, sentence in train.settings()}
    assert found["search.simulations"] == (int, 32, "simulations per full search")
    assert found["seed"] == (int, 0, "")
    assert found["eval.first_flops"][2] == "training compute at which the first evaluation happens"
    assert "search" not in found


def configured(*argv):
    parser = cli._Parser()
    train.add_arguments(parser)
    return train.configured(parser.parse(argv))


def test_flags_reach_their_settings(tmp_path):
    (tmp_path / "mine.toml").write_text('game = "gomoku9"\n[search]\nsimulations = 5\nmax_considered_actions = 3')
    flags = (
        "--config mine.toml --search.simulations 7 --search.prove false --seed 9 --learn.ema 0.5"
        " --eval.opponents rules mcts:runs/x,sims=2 --flops 1e15"
    )
    config, run_dir = configured(*flags.split())
    assert (games.make(config.game).cells, config.seed, config.learn.ema) == (81, 9, 0.5)
    assert (config.search.simulations, config.search.max_considered_actions, config.search.prove) == (7, 3, False)
    assert config.eval.opponents == ("rules", "mcts:runs/x,sims=2")
    assert (config.minutes, config.generations, config.flops) == (0.0, 0, 1e15)
    assert run_dir == folder.default_dir(config.game)


def test_flags_by_their_old_names_reach_their_settings_with_a_warning():
    with pytest.warns(RenamedSetting, match="learn.reuse is called learn.replay_ratio now"):
        config, _ = configured("--config", "tiny", "--learn.reuse", "2.5")
    assert config.learn.replay_ratio == 2.5
    with pytest.warns(RenamedSetting):
        config, _ = configured("--eval.clocked", "alphabeta:ms=1", "alphabeta:ms=2")
    assert config.eval.equal_time == ("alphabeta:ms=1", "alphabeta:ms=2")


def test_a_warning_of_ours_is_one_line():
    command = [*SELFPLAY, "train", "--learn.reuse", "-1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        [
            "selfplay: warning: learn.reuse is called learn.replay_ratio now",
            "selfplay: learn.replay_ratio is above 0, not -1.0",
        ],
    )


def test_the_preset_of_the_game_is_the_ground(tmp_path):
    config, _ = configured("--game", "gomoku:size=9", "--search.max_considered_actions", "5")
    assert config.network.architecture == "resnet:4x32"
    assert (config.search.simulations, config.search.max_considered_actions) == (64, 5)
    plain, run_dir = configured("--game", "gomoku9", "--config", "tiny")
    assert plain.network.architecture == "mlp:1x16"
    assert plain.play.temperature_plies == Config().play.temperature_plies
    assert config.game == plain.game
    default, run_dir = configured()
    assert (default.game, str(run_dir)) == ("connect4", "runs/connect4")


def test_a_run_is_continued_by_its_folder_alone(tmp_path):
    a_run(tmp_path / "r", {"game": "gomoku9", "seed": 3, "search": {"simulations": 5}})
    config, _ = configured("--run", "r", "--minutes", "77")
    assert (config.game, config.seed, config.search.simulations, config.minutes) == ("gomoku9", 3, 5, 77.0)


@pytest.mark.parametrize("encoding", ["cp932", "ascii"])
def test_no_character_ends_a_run_whatever_the_terminal_knows(tmp_path, encoding):
    """The title of a run has a dot that Japanese code pages lack; reports and tables have more of the kind."""
    train = "train --config tiny --generations 1 --run r --eval.games 2 --eval.final_games 2"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    for command in (train, "crossover r", "doctor r", "doctor --metrics", "report r", "train --help"):
        argv = [*SELFPLAY, *command.split()]
        done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, timeout=280, check=False)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
        done.stdout.decode(encoding)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["doctor --metrics", "doctor --metrics --json", "--version"])
def test_a_full_disk_behind_standard_output_is_named(command):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*SELFPLAY, *command.split()],
            env={**os.environ, "PYTHONUNBUFFERED": ""},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=280,
            check=False,
        )
    assert (done.returncode, done.stderr) == (2, "selfplay: standard output: No space left on device\n")


def test_nobody_reads_on():
    """`selfplay doctor --metrics | head -1`"""
    with subprocess.Popen(
        [*SELFPLAY, "doctor", "--metrics"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        present(process.stdout).close()
        error = present(process.stderr).read()
    assert error == b""
    assert process.returncode == 128 + signal.SIGPIPE


def test_doctor_prints_every_metric(capsys):
    code, out, err = said(capsys, "doctor", "--metrics", "--json")
    assert (code, len(out), err) == (0, 1, [])
    table = json.loads(out[0])
    _, lines, _ = said(capsys, "doctor", "--metrics")
    for row in table:
        assert f"{row['name']}  ({row['unit']})" in lines
    assert {"loss/total", "policy/kl_search_net", "value/calibration", "strength/*"} <= {row["name"] for row in table}


def test_doctor_knows_the_machine(capsys):
    code, out, _ = said(capsys, "doctor", "--json")
    found = json.loads(out[0])
    assert (code, len(out)) == (0, 1)
    assert found["machine"]["cores"] == session.cores()
    assert "torch" in found["versions"]
    assert isinstance(found["advice"], list)
