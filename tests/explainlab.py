"""What the tests of answers share: the cases (a text of a kernel, and what a right reader finds), and comparison."""

import json
import subprocess
import sys

from sourcelint import ROOT

TEXTS = ROOT / "tests" / "data" / "texts"


def case(number):
    """Return the text (a file or folder) and the expected values of a case."""
    wanted = next(TEXTS.glob(f"{number:02d}-*.json"))
    text = wanted.with_suffix(".txt")
    return (text if text.exists() else wanted.with_suffix("")), json.loads(wanted.read_text())


def differences(found, wanted, path=""):
    """Return where `found` does not have what is wanted; further keys are allowed everywhere."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            return [f"{path}: {found!r} is no object"]
        missing = [f"{path}.{key} is missing" for key in wanted if key not in found]
        return missing + [d for k, v in wanted.items() if k in found for d in differences(found[k], v, f"{path}.{k}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [
            d for i, (a, b) in enumerate(zip(found, wanted, strict=True)) for d in differences(a, b, f"{path}[{i}]")
        ]
    return [] if found == wanted else [f"{path}: {found!r}, wanted {wanted!r}"]


def buddycap(*words, stdin=None):
    """Run the command in a process of its own; return status, output, errors."""
    run = subprocess.run(
        [sys.executable, "-m", "buddycap", *map(str, words)], input=stdin, capture_output=True, timeout=120, check=False
    )
    return run.returncode, run.stdout.decode(), run.stderr.decode()
