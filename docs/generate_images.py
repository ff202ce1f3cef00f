"""Writes the table of ready-made images in docs/images.md: makes every recipe in every size, which takes some minutes.

python docs/generate_images.py
"""

import time
from pathlib import Path

from buddycap.lab.aging import RECIPES, Recipe, reach
from buddycap.lab.config import preset_config

PAGE = Path(__file__).resolve().parent / "images.md"
BEGIN, END = "<!-- images:begin -->\n", "<!-- images:end -->"
SIZES_GIB = (1, 4, 16, 64)
SEED = 1
HEADS = ("recipe", "memory", "simulated s", "free, %", "unusable, %", "free 2 MiB", "mixed, %", "target", "CPU s")


def cells(recipe: Recipe, gib: int) -> list[str]:
    """Return a row of the table: make the image and look at it."""
    begin = time.process_time()
    aged = reach(recipe, preset_config("x86_64", gib << 18), SEED)
    seconds = time.process_time() - begin
    shown = [f"{aged.measures['free'] / 10:.1f}", f"{aged.measures['unusable'] / 10:.1f}", str(aged.measures["huge"])]
    met = "missed" if aged.missed else "met" if recipe.targets else "-"
    return [
        f"`{recipe.name}`", f"{gib} GiB", f"{aged.seconds:g}", *shown, f"{aged.measures['mixed'] / 10:.1f}", met,
        f"{seconds:.1f}",
    ]  # fmt: skip


def table() -> str:
    """Return the table of all recipes and sizes."""
    rows = [cells(recipe, gib) for recipe in RECIPES.values() for gib in SIZES_GIB]
    lines = [HEADS, ["---"] * len(HEADS), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page(text: str, content: str) -> str:
    """Return a page with the table in its place."""
    head, _, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end:
        raise SystemExit(f"{PAGE}: the marks {BEGIN.strip()} and {END} are missing")
    return head + BEGIN + content + END + tail


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), table()), encoding="utf-8")
