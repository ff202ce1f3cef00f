"""Does the compiled code stay inside its memory and inside the language?  Raw pointers have no other bounds check."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sourcelint import ROOT

QUESTIONS = (
    "tests/conformance/test_vectors.py",
    "tests/conformance/test_conformance.py::test_every_recording_agrees",
    "tests/core/test_stateful.py",
    "tests/core/test_bulk.py",
    "tests/core/test_bulk_cases.py",
    "tests/core/test_invariants.py",
    "tests/capi/test_c_boundary.py",
    "tests/facade/test_image_header.py",
    "tests/core/test_watermark_range.py",
    "tests/facade/test_api_fuzz.py",
    "tests/facade/test_foul_play.py",
    "tests/world/test_world_foul_play.py",
    "tests/facade/test_changing_arrays.py",
    "tests/core/test_reclaim.py",
    "tests/facade/test_state.py",
    "tests/study/test_study.py",
    "tests/policies/test_policies.py::TestInTheWorld::test_nothing_is_lost_or_left",
    "tests/trace/test_trace_fuzz.py",
    "tests/replay/test_replay.py",
    "tests/formats/test_trace_text.py",
    "tests/trace/test_trace_threads.py",
    "tests/facade/test_zone_bounds.py",
    "tests/facade/test_threads.py",
)


def runtimes():
    """The shared libraries that must be loaded before Python, or nothing if the compiler has none."""
    if shutil.which("gcc") is None:
        return []
    names = ("libasan.so", "libubsan.so")
    found = [
        subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        for name in names
    ]
    return [path.stdout.strip() for path in found if Path(path.stdout.strip()).is_absolute()]


@pytest.mark.slow
@pytest.mark.stress
def test_nothing_reaches_outside_its_memory(tmp_path):
    libraries = runtimes()
    if len(libraries) < 2:
        pytest.skip("the compiler has no address and undefined behaviour sanitizers")
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", "build", "*.so", ".*cache", "__pycache__"))
    build = {**os.environ, "BUDDYCAP_SANITIZE": "1"}
    subprocess.run(
        [sys.executable, "setup.py", "-q", "egg_info", "build_ext", "--inplace"], cwd=tree, env=build, check=True
    )
    env = {
        **os.environ,
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "halt_on_error=1",
        "HYPOTHESIS_PROFILE": "dev",
        "BUDDYCAP_STRESS_SECONDS": "20",
        "PYTHONPATH": str(tree / "src"),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *QUESTIONS]
    result = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert "runtime error" not in result.stdout + result.stderr
