"""`pip install` that shows what it does and no more: a line for each package fetched, on a terminal also for how
long it has been at it. All that pip said comes after a failure.

    python .ci/install.py ARGUMENTS OF pip install
"""

import re
import subprocess
import sys
import threading
import time

_FETCHED = re.compile(
    r"\s*(?:Downloading|Using cached) (?:\S*/)?([\w.]+)-(\d[\w.!+%]*?)"
    r"(?:-\S*\.whl|\.tar\.\w+|\.zip) \(([\d.]+ [kMG]?B)\)"
)
_UNPACKED = re.compile(r"Installing collected packages: (.*)")
_TURNS_S = 0.5


def told(line: str) -> str:
    """What is shown of a line of pip's; nothing for most."""
    if found := _FETCHED.match(line):
        return f"  {found[1]} {found[2]}, {found[3]}"
    if found := _UNPACKED.match(line):
        return f"  unpacking {found[1].count(',') + 1} packages"
    return ""


def install(arguments: list[str]) -> int:
    """pip's exit code."""
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=off", *arguments]
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    assert pip.stdout is not None
    done, began = threading.Event(), time.monotonic()

    def turn() -> None:
        while not done.wait(_TURNS_S):
            print(f"\r  ... {time.monotonic() - began:.0f} s\r", end="", flush=True)

    clock = threading.Thread(target=turn, daemon=True)
    if sys.stdout.isatty():
        clock.start()
    everything = []
    for line in pip.stdout:
        everything.append(line)
        if shown := told(line):
            print(shown.ljust(20), flush=True)
    done.set()
    if clock.ident:
        clock.join()
        print(" " * 20, end="\r", flush=True)
    if code := pip.wait():
        sys.stderr.write("".join(everything))
    return code


if __name__ == "__main__":
    sys.exit(install(sys.argv[1:]))
