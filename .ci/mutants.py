"""Would the tests notice? Changes one operator, number or condition of the code at a time, and runs its tests.

`make mutants` makes COUNT such mutants (drawn by SEED, evenly over PACKAGES, at most one a line, by the operators of
cosmic-ray), each in a copy of the tree, and counts those that a test kills. A line of OUT per mutant: file, line,
the change as a diff, `killed`, `survived` or `timeout`, the seconds it took; what is there already is not run again.
Left out: mutants of annotations, of the decorators of kernels and of messages, which change nothing that runs.
"""

import argparse
import ast
import difflib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

ROOT = Path(__file__).parent.parent
# Which tests hold a package's promises. Those named as the file that is changed come first.
PACKAGES = {
    "games": "game_laws game_rules game_kernels game_text game_record game_valid game_files interrupt gym_env misere",
    "selfplay/search": "search_* players_learned",
    "selfplay/train": "train_*",
    "selfplay/stats": "stats_*",
    "selfplay/arena": "arena_*",
    "selfplay/knowledge": "knowledge_*",
}
OPERATORS = ("Comparison", "Binary", "Unary", "Number", "Boolean", "Break", "Zero", "AddNot", "AndOr", "OrAnd", "True")
_LIMIT_S = 600  # for the tests of one mutant: a few of them make a loop endless


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    path: str
    line: int
    operator: str
    occurrence: int
    diff: str


def mutants(package: str, count: int, rng: random.Random) -> list[Mutant]:
    """`count` mutants of a package, each on a line of its own."""
    lines: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        for operator, occurrence, line in _places(path.read_text()):
            lines.setdefault((str(path.relative_to(ROOT)), line), []).append((operator, occurrence))
    found = []
    for path, line in rng.sample(sorted(lines), len(lines)):
        if len(found) == count:
            break
        operator, occurrence = rng.choice(lines[path, line])
        source = (ROOT / path).read_text()
        mutated = mutate_code(source, plugins.get_operator(operator)(), occurrence)
        if mutated is not None and _runs(mutated) not in (None, _runs(source)):
            diff = "\n".join(
                list(difflib.unified_diff(source.splitlines(), mutated.splitlines(), n=0, lineterm=""))[3:]
            )
            found.append(Mutant(path, line, operator, occurrence, diff))
    return found


def _places(source: str) -> Iterator[tuple[str, int, int]]:
    """Operator, occurrence and line of every mutant of a file."""
    nodes = list(ast_nodes(get_ast(source)))
    for name in plugins.operator_names():
        if any(kind in name for kind in OPERATORS):
            operator = plugins.get_operator(name)()
            starts = (start for node in nodes for start, _ in operator.mutation_positions(node))
            for occurrence, start in enumerate(starts):
                yield name, occurrence, start[0]


def _runs(source: str) -> str | None:
    """What of a file runs and is not a message: without annotations, decorators, and what `raise` and `assert` say.

    None if it is no Python: `**` before a dictionary is no power.
    """

    class Stripped(ast.NodeTransformer):
        def visit_arg(self, node: ast.arg) -> ast.arg:
            node.annotation = None
            return node

        def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
            node.annotation = ast.Constant(None)
            return self.generic_visit(node)

        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            node.returns = None
            node.decorator_list = []  # of kernels: their types, and whether they allocate
            return self.generic_visit(node)

        def visit_Raise(self, node: ast.Raise) -> ast.AST:
            return ast.Raise()

        def visit_Assert(self, node: ast.Assert) -> ast.Assert:
            return ast.Assert(node.test)

    try:
        return ast.dump(Stripped().visit(ast.parse(source)))
    except SyntaxError:
        return None


def tests_of(path: str) -> list[str]:
    """Test files for a changed file, the likeliest to notice first."""
    package = next(package for package in PACKAGES if path.startswith(package + "/"))
    files = [file for name in PACKAGES[package].split() for file in sorted((ROOT / "tests").glob(f"test_{name}.py"))]
    words = set(Path(path).with_suffix("").parts)
    return [
        str(file.relative_to(ROOT)) for file in sorted(files, key=lambda file: -len(words & set(file.stem.split("_"))))
    ]


def judge(mutant: Mutant, tree: Path) -> dict[str, object]:
    """Run the tests on the mutant in a copy of the tree, until the first that fails."""
    target = tree / mutant.path
    source = target.read_text()
    mutated = mutate_code(source, plugins.get_operator(mutant.operator)(), mutant.occurrence)
    assert mutated is not None
    environment = os.environ | {"PYTHONPATH": str(tree), "XDG_CACHE_HOME": str(tree / ".cache")}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests_of(mutant.path)]
    began = time.monotonic()
    target.write_text(mutated)
    try:
        code = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=_LIMIT_S).returncode
        outcome = "killed" if code else "survived"
    except subprocess.TimeoutExpired:
        outcome = "timeout"
    finally:
        target.write_text(source)
    return asdict(mutant) | {"outcome": outcome, "seconds": round(time.monotonic() - began, 1)}


def main() -> int:
    """Judge what is not judged yet, then say how many were killed and show the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=160, help="mutants in all (default: 160)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (default: 0)")
    parser.add_argument("--workers", type=int, default=1, help="at once (default: 1)")
    parser.add_argument("--only", default="", help="only packages whose path begins so, as selfplay/stats")
    parser.add_argument("--out", type=Path, default=Path("mutants.jsonl"), help="default: mutants.jsonl")
    args = parser.parse_args()
    drawn = [
        mutant
        for package in PACKAGES
        if package.startswith(args.only)
        for mutant in mutants(package, -(-args.count // len(PACKAGES)), random.Random(f"{args.seed} {package}"))
    ]
    known = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    judged = {(line["path"], line["diff"]): line for line in known}
    waiting = [mutant for mutant in drawn if (mutant.path, mutant.diff) not in judged]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(args.workers) as pool, args.out.open("a") as out:
        trees: SimpleQueue[Path] = SimpleQueue()
        for worker in range(args.workers):
            tree = Path(folder) / str(worker)
            shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv", "site", ".cache"))
            trees.put(tree)

        def one(mutant: Mutant) -> dict[str, object]:
            tree = trees.get()
            try:
                return judge(mutant, tree)
            finally:
                trees.put(tree)

        for count, line in enumerate(pool.map(one, waiting), 1):
            judged[str(line["path"]), str(line["diff"])] = line
            print(json.dumps(line), file=out, flush=True)
            print(
                f"{count}/{len(waiting)} {line['outcome']} {line['path']}:{line['line']} {line['seconds']} s",
                flush=True,
            )
    verdicts = [judged[mutant.path, mutant.diff] for mutant in drawn]
    alive = [line for line in verdicts if line["outcome"] == "survived"]
    print(f"{len(verdicts) - len(alive)} of {len(verdicts)} killed ({1 - len(alive) / max(1, len(verdicts)):.1%})")
    for line in alive:
        print(f"\n{line['path']}\n{line['diff']}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
