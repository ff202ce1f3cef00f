"""Writes the table of ready-made images in docs/images.md: makes every recipe in every size, which takes some minutes.

python tools/generate_images.py
"""

import time
from pathlib import Path

from pages import placed, table

from buddycap.images.aging import RECIPES, Recipe, reach
from buddycap.study.config import preset_config

PAGE = Path(__file__).resolve().parent.parent / "docs" / "images.md"
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


def page(text: str, rows: list[list[str]]) -> str:
    """Return docs/images.md with these rows in its table."""
    return placed(text, "images", table(HEADS, rows))


if __name__ == "__main__":
    every = [cells(recipe, gib) for recipe in RECIPES.values() for gib in SIZES_GIB]
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), every), encoding="utf-8")
