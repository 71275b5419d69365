"""Runs a program under limits, and takes down with it whatever it started.

    python gomocup_guard.py MEGABYTES PROGRAM [ARGUMENT ...]

The program has this process's standard input and output, a session of its own, and may hold MEGABYTES of data. When
it ends, or when nobody is left who could write to its standard input (also because they were killed), all its
descendants are killed, and this process ends as the program did: with its exit code, or 128 + signal. A file of
its own without imports from this package, so that it starts in a few milliseconds; a process of its own because
limits have to be set between fork and exec, which is not safe in a process with threads.
"""

import contextlib
import ctypes
import os
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path

_LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def _limit(megabytes: int) -> None:
    """In the child, before the program. Data is what the program may write to, touched or not (Linux, from 4.7 on), its
    stack apart; what is only reserved, as RLIMIT_AS would have it, is none."""
    resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _LINUX:  # should this process be killed, the program goes too
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _children() -> list[int]:
    """Linux: every process whose parent is this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                found.append(int(folder.name))
    return found


def _kill_all(program: subprocess.Popen) -> None:
    """The program's process group, and on Linux also what left it: orphans become children of this process."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, signal.SIGKILL)
    while True:
        for pid in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def main(megabytes: int, command: list[str]) -> int:
    """The exit code."""
    if _LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    waking, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    try:
        program = subprocess.Popen(command, start_new_session=True, preexec_fn=lambda: _limit(megabytes))
    except (OSError, subprocess.SubprocessError) as error:
        print(f"ERROR cannot be run: {getattr(error, 'strerror', error)}", flush=True)
        return 127
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the program's output ends when the program does
    events = select.poll()
    events.register(0, 0)  # no input is waited for, only the end of all who write
    events.register(waking, select.POLLIN)
    while program.poll() is None:
        if any(fd == 0 for fd, _ in events.poll()):
            break
        os.read(waking, 4096)
    code = program.returncode
    _kill_all(program)
    return 0 if code is None else code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
