"""Memory that has been in use, in one call."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from .._core import Zone
from ..errors import MisuseError
from ..escape import for_html
from ..formats.snapshot import drawn_from
from ..images.aging import RECIPES, Recipe, Target, reach
from ..images.manifest import manifest_path
from ..images.place import Place
from ..nearest import meant
from ..newfile import check_outputs, write_file
from ..recorded.load import Load
from ..recorded.recording import frames_from_recording, recorded_files
from ..sizes import parse_pages
from ..study.config import StudyConfig, preset_config
from ..views.notebook import html_of
from .seeds import seed_of

__all__ = ["DEFAULT_MEMORY", "Image", "looks", "make_image"]

DEFAULT_MEMORY = "4GiB"


@dataclass(frozen=True)
class Image:
    """An image that has been made.

    Parameters
    ----------
    path : Path
        The image, which `Zone.load` reads; beside it stands its manifest, with `.json` behind the name.
    zone : Zone
        The same memory.
    seconds : float, s
        Simulated time that it took.
    measures : dict
        How old it looks: `buddycap.images.aging.MEASURES`.
    missed : tuple of Target
        Targets that could not be met within the limit.
    manifest : dict
        What a reader needs to make it again.
    """

    path: Path
    zone: Zone
    seconds: float
    measures: dict[str, int]
    missed: tuple[Target, ...]
    manifest: dict[str, Any]

    def __repr__(self) -> str:
        return f"<Image {self.path}: {looks(self.measures)}; {self.seconds:g} s simulated>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the words, and the memory."""
        return f"<p>{for_html(repr(self))}</p>{html_of(self.zone)}"


def looks(measures: Mapping[str, int]) -> str:
    """Return in words how old an image looks."""
    return (
        f"{measures['free'] / 10:g} % free, {measures['huge']} free blocks of 2 MiB, "
        f"{measures['unusable'] / 10:g} % of it unusable for them, {measures['mixed'] / 10:g} % of the pageblocks mixed"
    )


def make_image(
    path: str | Path,
    *,
    recipe: str | Recipe | None = None,
    config: StudyConfig | str | Path | None = None,
    preset: str = "x86_64",
    memory: int | str | None = None,
    source: str | Path | None = None,
    zone: str | None = None,
    load: str | Path | None = None,
    seed: int | np.random.SeedSequence | np.random.Generator = 1,
    seconds: float | None = None,
    limit: float = 600,
    targets: Iterable[str | Target] = (),
    free: float | None = None,
    kernel: str | None = None,
    start_pfn: int = 0,
    reserve: str | Iterable[str] = (),
    force: bool = False,
    progress: Callable[[float, dict[str, int]], None] | None = None,
) -> Image:
    """Age a machine and save its memory: `buddycap image make` as one call.

    Parameters
    ----------
    path : path
        The image to write.
    recipe : str or Recipe, optional
        A ready-made age, a row of `buddycap.images.aging.RECIPES`.
    config : StudyConfig or path, optional
        Machine and load, in place of a preset.
    preset, memory : str, and int (bytes) or str
        Machine, and its size with what is reserved: "4GiB" if not given. At least 8 pageblocks, 16 MiB on x86-64, must
        be the machine's own.
    source, zone : path, str, optional
        Recording of a real machine's memory to begin with, and its zone.
    load : path, optional
        Trace, or folder of a recording, in place of the builds.
    seed : int, SeedSequence or Generator
        See `buddycap.calls.seeds.seed_of`.
    seconds, limit : float, s
        Simulated time that the load runs at least, and at most.
    targets : iterable of str
        Bounds such as "unusable>=900", of `buddycap.images.aging.MEASURES`.
    free : float, percent
        Memory to be made free at the end.
    kernel : "2.6.27", "6.1" or "6.12", optional
        The kernel that ages it, and whose allocator goes on from there: "2.6.27", or what `config` says.
    start_pfn : int
        First frame of the memory.
    reserve : str or iterable of str
        Frames that are a simulator's own, such as those of its kernel and page tables: "0-64MiB,0x8000-0x9000". Numbers
        are frames, with a unit addresses; the end is excluded. The image never hands them out.
    force : bool
        Replace a file that exists.
    progress : callable, optional
        Called with the time and the measures of each attempt.

    Returns
    -------
    Image

    Raises
    ------
    MisuseError
        If a value is not allowed, or the file exists.
    FormatError, OSError
        If a file cannot be read or written.

    Examples
    --------
    >>> import buddycap, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = buddycap.make_image(os.path.join(folder, "old.img"), recipe="fresh", memory="128MiB")
    >>> made.measures["unusable"], made.missed
    (0, ())
    """
    chosen = _recipe(recipe, config, load, seconds, limit, targets, free)
    inputs = [config if isinstance(config, str | Path) else None, *recorded_files(source), *recorded_files(load)]
    check_outputs((path, manifest_path(path)), inputs=inputs, force=force)
    frames = frames_from_recording(str(source), zone) if source else None
    recorded = Load.load(str(load)) if load else None
    place = Place.parse(start_pfn, *([reserve] if isinstance(reserve, str) else reserve))
    if source is not None and (place != Place() or kernel not in (None, "2.6.27")):
        raise MisuseError("kernel, start_pfn, reserve: a recording says where its memory is, and is aged by 2.6.27")
    machine = _config(config, preset, memory, len(frames.kinds) if frames else None, kernel, place)
    number = seed_of(seed)
    aged = reach(chosen, machine, number, limit_s=limit, frames=frames, load=recorded, place=place, progress=progress)
    aged.zone.save(path)
    manifest = {
        "buddycap": version("buddycap"),
        "recipe": chosen.name,
        "kernel": machine.kernel,
        "start_pfn": aged.zone.start_pfn,
        "reserved": [list(pair) for pair in place.reserved],
        "config": asdict(chosen.applied(machine)),
        "seed": number,
        "from": None if source is None else str(source),
        "drawn": drawn_from(source),
        "load": None if load is None else str(load),
        "seconds": aged.seconds,
        "free_permille": chosen.free_permille,
        "targets": [str(target) for target in chosen.targets],
        "missed": [str(target) for target in aged.missed],
        "measures": aged.measures,
        "digest": aged.zone.digest(),
        "image_bytes": Path(path).stat().st_size,
    }
    write_file(manifest_path(path), json.dumps(manifest, indent=1) + "\n")
    return Image(Path(path), aged.zone, aged.seconds, aged.measures, aged.missed, manifest)


def _recipe(
    recipe: str | Recipe | None,
    config: object,
    load: object,
    seconds: float | None,
    limit: float,
    targets: Iterable[str | Target],
    free: float | None,
) -> Recipe:
    """Return the recipe with what is wanted besides."""
    if recipe is not None and config is not None:
        raise MisuseError("recipe, config: one of them is wanted")
    if isinstance(recipe, str) and recipe not in RECIPES:
        raise MisuseError(f"recipe={recipe!r}: {meant(recipe, RECIPES)}")
    found = RECIPES[recipe] if isinstance(recipe, str) else recipe or Recipe("own", grows=not (config or load))
    changes: dict[str, Any] = {}
    if seconds is not None:
        changes["seconds"] = seconds
    bounds = tuple(Target.parse(bound) if isinstance(bound, str) else bound for bound in targets)
    if bounds:
        changes["targets"] = (*found.targets, *bounds)
    if free is not None:
        if not 0 <= free <= 100:
            raise MisuseError(f"free={free}: allowed range is 0..100")
        changes["free_permille"] = round(free * 10)
    if not 0 <= changes.get("seconds", 0) <= limit:
        raise MisuseError(f"seconds={seconds}: allowed range is 0..{limit:g} (limit)")
    return replace(found, **changes)


def _config(
    config: StudyConfig | str | Path | None,
    preset: str,
    memory: int | str | None,
    recorded: int | None,
    kernel: str | None,
    place: Place,
) -> StudyConfig:
    """Return the configuration of the machine; `recorded`: pages of the recording, if there is one."""
    if memory is not None and recorded:
        raise MisuseError("memory: the recording says how large the machine is")
    pages = recorded if memory is None else parse_pages(memory, "memory")
    if config is None:
        pages = pages or parse_pages(DEFAULT_MEMORY, "memory")
        return preset_config(preset, place.own_pages(pages), kernel=kernel or "2.6.27")
    found = config if isinstance(config, StudyConfig) else StudyConfig.from_toml(config)
    return found.replace(memory_pages=place.own_pages(pages or found.memory_pages), kernel=kernel or found.kernel)
