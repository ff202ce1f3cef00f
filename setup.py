"""Compiled parts only; everything else stands in pyproject.toml.

On Linux this also makes buddycap/lib/libbuddycap.so and .a, for programs without Python: the object file of _core
linked once more, without all that the entry points of buddycap.h do not reach. `-z defs` fails as soon as one of them
can touch Python.

tools/each.py writes what is compiled for two kernels a second time, below build/.

Environment: BUDDYCAP_DEBUG=1 (-O1 -g, bounds checked), BUDDYCAP_SANITIZE=1 (the same under ASan and UBSan),
BUDDYCAP_ANNOTATE=1 (Cython's HTML). Each combination builds in a folder of its own. BUDDYCAP_LIBRARY=0: no library,
for a linker that is not GNU's; checked builds have none either.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from contextlib import redirect_stderr
from itertools import takewhile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).resolve().parent / "tools"))  # a build apart from others has no folder there
from each import write_second_texts

DEBUG, SANITIZE, ANNOTATE = (os.environ.get(f"BUDDYCAP_{name}") == "1" for name in ("DEBUG", "SANITIZE", "ANNOTATE"))
CHECKED = DEBUG or SANITIZE
VARIANT = "-".join(n for n, on in (("debug", DEBUG), ("sanitize", SANITIZE), ("annotate", ANNOTATE)) if on)
BUILD = Path("build", VARIANT)
SANITIZERS = ["-fsanitize=address,undefined"] if SANITIZE else []
SOURCE = Path("src/buddycap")
HEADER = SOURCE / "include" / "buddycap.h"
LIBRARY = sys.platform == "linux" and not CHECKED and os.environ.get("BUDDYCAP_LIBRARY") != "0"
SECTIONS = ["-ffunction-sections", "-fdata-sections", "-fno-asynchronous-unwind-tables"] if LIBRARY else []
# what a stream does at every operation is larger than what -O2 inlines
INLINE = ["--param=max-inline-insns-single=100"]
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
    parts = sorted(str(p) for pattern in ("*.pxd", "*.pxi", "*.h") for p in SOURCE.rglob(pattern))
    for name in ("_core", "_world", "_trace"):
        # -O3 would make the library a third larger and a pair of calls 3 % faster: docs/embedding.md
        level = ["-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic", *INLINE] if name == "_core" else ["-O3"]
        flags = ["-O1", "-g", "-fno-omit-frame-pointer", *SANITIZERS] if CHECKED else [*level, "-g0", *SECTIONS]
        said = (sysconfig.get_config_var("CFLAGS") or "", os.environ.get("CFLAGS", ""), *flags)
        yield Extension(
            f"buddycap.{name}",
            [f"src/buddycap/{name}.pyx"],
            depends=["setup.py", *parts],
            define_macros=[
                ("BUDDYCAP_FLAGS", '"' + " ".join(filter(None, said)).replace('"', "'") + '"'),
                *([("BUDDYCAP_CHECKED", "1")] if CHECKED else []),  # a zone lies between pages that trap
            ],
            include_dirs=[str(HEADER.parent)],
            extra_compile_args=flags,
            extra_link_args=SANITIZERS,
        )


def name_classes(source, module):
    """Write the class where generated code would name `__cinit__` in errors about arguments: callers call the class."""
    prefix = "".join(f"{len(part)}{part}_" for part in module.split("."))
    start = re.compile(rf"static int __pyx_pw_{prefix}\d+(\w+?)_\d+(__c?init__)\(")
    raises = re.compile(r"(__Pyx_(?:RaiseArgtupleInvalid|ParseKeywords|RejectKeywords)\(.*)\"__c?init__\"")
    lines, name = source.read_text().splitlines(keepends=True), ""
    for number, line in enumerate(lines):
        found = start.match(line)
        if found or line.startswith("static "):
            name = found[1] if found else ""
        if name:
            lines[number] = raises.sub(rf'\1"{name}"', line)
    if "".join(lines) != source.read_text():
        source.write_text("".join(lines))


class BuildWithLibrary(build_ext):
    """Links the library from the object file of _core, and puts it where the extension modules go."""

    def library_files(self, package):
        """Where the shared and the static library are, in a folder of the package."""
        return [Path(package, "lib", name) for name in ("libbuddycap.so", "libbuddycap.a")]

    def build_extensions(self):
        self.check_compiler()
        super().build_extensions()

    def check_compiler(self):
        """Say what is missing before the compiler's own words, or those of a shell that has none."""
        driver = getattr(self.compiler, "compiler", None)
        header = Path(sysconfig.get_path("include"), "Python.h")
        missing = [f"a C compiler ({driver[0]})"] if driver and not shutil.which(driver[0]) else []
        missing += [f"the headers of Python ({header})"] if not header.exists() else []
        if missing:
            sys.exit(
                f"buddycap is compiled when it is installed, and this machine lacks {' and '.join(missing)}.\n"
                "Debian, Ubuntu: apt-get install gcc python3-dev; Fedora: dnf install gcc python3-devel; "
                "Alpine: apk add gcc musl-dev python3-dev; macOS: xcode-select --install"
            )

    def build_extension(self, ext):
        super().build_extension(ext)
        if ext.name == "buddycap._core" and LIBRARY:
            (core,) = self.compiler.object_filenames(ext.sources, output_dir=self.build_temp)
            self.link_library(core, *self.library_files(Path(self.get_ext_fullpath(ext.name)).parent))

    def link_library(self, core, shared, static):
        """Link what the entry points reach: without Python, and without its names."""
        names = re.findall(r"^[a-z][^(]*\b(bc_\w+)\(", HEADER.read_text().partition("/* [end] */")[0], re.M)
        pruned = str(Path(self.build_temp, "libbuddycap.o"))
        script = f"-Wl,-soname,libbuddycap.so,-z,noseparate-code,--version-script,{SOURCE / 'buddycap.map'}"
        shared.parent.mkdir(parents=True, exist_ok=True)
        driver = takewhile(lambda word: not word.startswith("-"), self.compiler.linker_so)
        options = ["-shared", "-Wl,--gc-sections,-z,defs,-s", script]
        self.spawn([*driver, *options, core, "-o", str(shared)])
        self.spawn(["ld", "-r", "--gc-sections", *(f"--undefined={name}" for name in names), core, "-o", pruned])
        self.spawn(["objcopy", "--strip-unneeded", "--wildcard", "--keep-global-symbol=bc_*", pruned])
        static.unlink(missing_ok=True)
        self.spawn(["ar", "rcsD", str(static), pruned])

    def copy_extensions_to_source(self):
        super().copy_extensions_to_source()
        for built, source in self.library_mapping().items():
            Path(source).parent.mkdir(exist_ok=True)
            shutil.copy(built, source)

    def library_mapping(self):
        """Where each library was built, and where it belongs in the source tree."""
        package = self.get_finalized_command("build_py").get_package_dir("buddycap")
        pairs = zip(self.library_files(Path(self.build_lib, "buddycap")), self.library_files(package), strict=True)
        return {str(built): str(source) for built, source in pairs} if LIBRARY else {}

    def get_outputs(self):
        mapping = self.library_mapping()
        return [*super().get_outputs(), *(mapping.values() if self.inplace else mapping)]

    def get_output_mapping(self):
        return {**super().get_output_mapping(), **(self.library_mapping() if self.inplace else {})}


class BuildWithCommit(build_py):
    """Notes the commit of a source tree with history in what is installed, for `buddycap --version`."""

    def run(self):
        super().run()
        commit = self.commit()
        if commit and not self.editable_mode:
            Path(self.commit_file()).write_text(f"{commit}\n")

    def commit(self):
        """The commit, and whether the tree differs from it; nothing without git or history."""
        command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        if not Path(".git").exists() or not shutil.which("git"):
            return ""
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def commit_file(self):
        return os.path.join(self.build_lib, "buddycap", "COMMIT")

    def get_outputs(self, include_bytecode=True):
        mine = [self.commit_file()] if os.path.exists(self.commit_file()) else []
        return [*super().get_outputs(include_bytecode), *mine]


generated = BUILD / "cython"
write_second_texts(SOURCE, BUILD)
with redirect_stderr(io.StringIO()) as said:
    try:
        modules = cythonize(
            list(extensions()),
            build_dir=generated,
            include_path=[str(BUILD)],
            annotate=ANNOTATE,
            compiler_directives=DIRECTIVES,
        )
    finally:
        sys.__stderr__.write(said.getvalue())
if "performance hint" in said.getvalue():
    shutil.rmtree(generated)
    sys.exit("Cython gave a performance hint (above): the compiled code would touch Python where it must not")
for extension in modules:
    name_classes(Path(extension.sources[0]), extension.name)
setup(
    ext_modules=modules,
    cmdclass={"build_ext": BuildWithLibrary, "build_py": BuildWithCommit},
    options={"build": {"build_base": str(BUILD)}},
)
