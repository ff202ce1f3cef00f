"""Compiles the C and Cython sources of the benchmarks on demand, into a cache directory.

The cache is ``build/bench`` of the repository, or what ``BUDDYCAP_BENCH_BUILD`` names. A file's name holds a hash of
its sources, flags and compiler, so nothing stale is ever loaded.
"""

import hashlib
import importlib.util
import os
import shlex
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path
from types import ModuleType

from buddycap import get_include

HERE = Path(__file__).resolve().parent
C_DIR = HERE / "c"
CFLAGS = ("-O3", "-march=native", "-std=gnu11", "-Wall", "-Wextra", "-fPIC", "-shared", "-fno-semantic-interposition")


def build_dir() -> Path:
    """The cache directory, made if need be."""
    path = Path(os.environ.get("BUDDYCAP_BENCH_BUILD", HERE.parent / "build" / "bench"))
    path.mkdir(parents=True, exist_ok=True)
    return path


def compiler() -> list[str]:
    """The C compiler as a command: ``CC``, else ``cc``."""
    return shlex.split(os.environ.get("CC", "cc"))


@cache
def compiler_version() -> str:
    """First line of what the compiler says about itself."""
    out = subprocess.run([*compiler(), "--version"], check=True, capture_output=True, text=True)
    return out.stdout.splitlines()[0]


def _key(sources: tuple[Path, ...], flags: tuple[str, ...]) -> str:
    digest = hashlib.sha256("\0".join([compiler_version(), *flags]).encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _compile(output: Path, sources: tuple[Path, ...], flags: tuple[str, ...]) -> None:
    partial = output.with_suffix(f".{os.getpid()}.tmp")
    command = [*compiler(), *flags, *map(str, sources), "-o", str(partial)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)}\n{done.stderr}")
    partial.replace(output)


def shared_library(
    name: str,
    sources: tuple[Path, ...],
    *,
    headers: tuple[Path, ...] = (),
    flags: tuple[str, ...] = (),
    base: tuple[str, ...] = CFLAGS,
) -> Path:
    """Path of the shared library made of `sources` with `base` and `flags`, compiled if it is not in the cache."""
    flags = (*base, *flags)
    output = build_dir() / f"{name}-{_key(sources + headers, flags)}.so"
    if not output.exists():
        _compile(output, sources, flags)
    return output


def cython_module(name: str) -> ModuleType:
    """The extension module ``c/<name>.pyx``, compiled if it is not in the cache, and imported."""
    source = C_DIR / f"{name}.pyx"
    flags = (*CFLAGS, "-Wno-unused-parameter", f"-I{sysconfig.get_paths()['include']}", f"-I{get_include()}")
    directory = build_dir() / f"{name}-{sys.implementation.cache_tag}-{_key((source,), flags)}"
    output = directory / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    if not output.exists():
        directory.mkdir(exist_ok=True)
        c_file = directory / f"{name}.c"
        subprocess.run([sys.executable, "-m", "cython", "-3", str(source), "-o", str(c_file)], check=True)
        _compile(output, (c_file,), flags)
    spec = importlib.util.spec_from_file_location(name, output)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
