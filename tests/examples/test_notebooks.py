"""Do the notebooks run from the first cell to the last?"""

import pytest

from sourcelint import ROOT

nbclient = pytest.importorskip("nbclient", reason="notebooks need nbclient: pip install nbclient ipykernel")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")
for package in ("matplotlib", "pandas", "cloudpickle"):
    pytest.importorskip(package, reason="notebooks need pip install 'buddycap[notebook]'")

NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))

pytestmark = pytest.mark.slow


def executed(notebook, folder):
    """The outputs of all cells of a notebook."""
    (folder / "tests").symlink_to(ROOT / "tests")
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute()
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path, tmp_path):
    outputs = executed(nbformat.read(path, as_version=4), tmp_path)
    assert any("text/html" in output.get("data", {}) for output in outputs), "results show themselves"
    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []


def test_they_are_kept_without_outputs():
    assert len(NOTEBOOKS) == 3
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        assert not any(cell.get("outputs") for cell in notebook.cells)


def test_a_cell_that_fails_is_found(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("assert 1 == 2")])
    with pytest.raises(nbclient.exceptions.CellExecutionError):
        executed(notebook, tmp_path)
