"""docs/notebooks: executed from top to bottom as they stand, with budgets cut down by their environment variables."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELFPLAY_NOTEBOOK_MINUTES", "0.02")
        patch.setenv("SELFPLAY_NOTEBOOK_GAMES", "4")
        patch.setenv("PYTHONPATH", str(FOLDER.parent.parent))  # the kernel runs in another folder
        notebook = nbformat.read(FOLDER / "first-minute.ipynb", as_version=4)
        nbclient.NotebookClient(notebook, timeout=280, resources={"metadata": {"path": folder}}).execute()
    return folder, notebook


def outputs(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_it_runs_and_says_what_it_promises(executed):
    folder, notebook = executed
    said = "".join(output.text for output in outputs(notebook) if output.output_type == "stream")
    assert "generation 1:" in said
    assert "against rules:" in said
    assert "it plays" in said
    assert (folder / "runs/first-minute/metrics.jsonl").exists()


def test_it_draws_one_picture(executed):
    pictures = [output for output in outputs(executed[1]) if "image/png" in output.get("data", {})]
    assert len(pictures) == 1


def test_it_prints_no_cursor_codes_and_no_warnings(executed):
    for output in outputs(executed[1]):
        assert output.output_type != "stream" or "\x1b" not in output.text
        assert output.get("name") != "stderr", output.text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_output_is_kept_in_the_repository(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in notebook.cells)
