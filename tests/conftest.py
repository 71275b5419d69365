"""What all tests need of their process, the server and the engine that several files ask, and a count of what was
skipped: the run ends with `skipped: 3 (2 needs CUDA, 1 needs /dev/full)`, and `--no-unseen-skips` makes a run fail in
which anything was skipped for a reason that no installation could mend."""

import collections
import signal

import pytest

# A shell that starts a job in the background lets it ignore Ctrl-C, and what the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# All else the machine of a full run has to bring. What needs no cluster of the pool of --ray is tested without Ray.
MAY_BE_SKIPPED = {"needs CUDA", "needs a machine without CUDA", "needs Ray, and time"}
_skipped = pytest.StashKey[dict[str, str]]()  # reason by test, or by module where all of its tests are


def pytest_addoption(parser):
    parser.addoption(
        "--no-unseen-skips",
        action="store_true",
        help=f"fail if anything is skipped for another reason than: {', '.join(sorted(MAY_BE_SKIPPED))}",
    )


def pytest_configure(config):
    config.stash[_skipped] = {}
    config.pluginmanager.register(SkipCounter(config), "skip-counter")


class SkipCounter:
    """Gathers the reasons. Workers of xdist keep modules that are skipped whole to themselves, so they are asked."""

    def __init__(self, config):
        self.config = config
        self.reasons = config.stash[_skipped]

    def pytest_runtest_logreport(self, report):
        if report.skipped and not hasattr(report, "wasxfail"):
            self.reasons[report.nodeid] = _reason(report)

    def pytest_collectreport(self, report):
        if report.skipped:
            self.reasons[report.nodeid] = _reason(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        self.reasons |= getattr(node, "workeroutput", {}).get("skipped", {})

    def pytest_sessionfinish(self, session):
        if hasattr(self.config, "workeroutput"):  # a worker of xdist, whose tests the main process hears of anyway
            self.config.workeroutput["skipped"] = self.reasons
        elif self.unseen() and self.config.getoption("no_unseen_skips") and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def unseen(self):
        return set(self.reasons.values()) - MAY_BE_SKIPPED

    def pytest_terminal_summary(self, terminalreporter):
        counts = collections.Counter(self.reasons.values()).most_common()
        listing = f" ({', '.join(f'{count} {reason}' for reason, count in counts)})" if counts else ""
        terminalreporter.write_line(f"skipped: {len(self.reasons)}{listing}")
        if self.unseen() and self.config.getoption("no_unseen_skips"):
            terminalreporter.write_line(f"failed by --no-unseen-skips: {'; '.join(sorted(self.unseen()))}", red=True)


def _reason(report):
    """What `pytest.skip`, `importorskip` or a mark said."""
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr).removeprefix("Skipped: ")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A runs folder with some runs in it."""
    from web_server import some_runs  # needs the server's libraries, which not all tests do

    return some_runs(tmp_path_factory.mktemp("served") / "runs")


@pytest.fixture(scope="module")
def port(root):
    """Where a server of the runs in `root` listens on loopback."""
    from web_server import served

    with served(root) as port:
        yield port


@pytest.fixture
def session(monkeypatch):
    """The engine's side of the Gomocup protocol, with somebody simple who thinks."""
    from engine_talk import FirstFree

    from selfplay.export import engine_protocol

    monkeypatch.setattr(engine_protocol, "Player", FirstFree)
    return engine_protocol.Session("anyone")
