"""Compiled parts only; everything else stands in pyproject.toml.

Environment: BUDDYCAP_DEBUG=1 (-O1 -g, bounds checked), BUDDYCAP_SANITIZE=1 (the same under ASan and UBSan),
BUDDYCAP_ANNOTATE=1 (Cython's HTML). Each combination builds in a folder of its own.
"""

import io
import os
import shutil
import sys
import sysconfig
from contextlib import redirect_stderr
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG, SANITIZE, ANNOTATE = (os.environ.get(f"BUDDYCAP_{name}") == "1" for name in ("DEBUG", "SANITIZE", "ANNOTATE"))
CHECKED = DEBUG or SANITIZE
VARIANT = "-".join(n for n, on in (("debug", DEBUG), ("sanitize", SANITIZE), ("annotate", ANNOTATE)) if on)
BUILD = Path("build", VARIANT)
SANITIZERS = ["-fsanitize=address,undefined"] if SANITIZE else []
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": CHECKED,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "embedsignature": True,
    "binding": True,
    "show_performance_hints": not CHECKED,
}


def extensions():
    source = Path("src/buddycap")
    parts = sorted(str(p) for pattern in ("*.pxd", "*.pxi", "*.h") for p in source.rglob(pattern))
    flags = ["-O1", "-g", "-fno-omit-frame-pointer", *SANITIZERS] if CHECKED else ["-O3", "-g0"]
    said = (sysconfig.get_config_var("CFLAGS") or "", os.environ.get("CFLAGS", ""), *flags)
    for name in ("_core", "_world", "_trace"):
        if (source / f"{name}.pyx").exists():
            yield Extension(
                f"buddycap.{name}",
                [f"src/buddycap/{name}.pyx"],
                depends=["setup.py", *parts],
                define_macros=[("BUDDYCAP_FLAGS", '"' + " ".join(filter(None, said)).replace('"', "'") + '"')],
                extra_compile_args=flags,
                extra_link_args=SANITIZERS,
            )


generated = BUILD / "cython"
with redirect_stderr(io.StringIO()) as said:
    try:
        modules = cythonize(list(extensions()), build_dir=generated, annotate=ANNOTATE, compiler_directives=DIRECTIVES)
    finally:
        sys.__stderr__.write(said.getvalue())
if "performance hint" in said.getvalue():
    shutil.rmtree(generated)
    sys.exit("Cython gave a performance hint (above): the compiled code would touch Python where it must not")
setup(ext_modules=modules, options={"build": {"build_base": str(BUILD)}})
