"""Damaged files of every kind that the package reads, given to what reads them.

    python tests/fuzzfiles.py --count 20000 --seed 1       a table of kinds: how many, how they ended, what was wrong

A reader may answer or refuse with an error of its own.  Anything else is a finding: another exception, more than ten
seconds, the limit of memory, the end of the process.  A case is given by its number and the seed; `--case` runs one.
"""

import argparse
import contextlib
import faulthandler
import gzip
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

from buddycap import BuddycapError, Zone, load_policies
from buddycap.cli import main
from buddycap.conformance.vectors import play_vectors
from buddycap.formats.extfrag import parse_index
from buddycap.formats.liststate import read_list_state
from buddycap.formats.procfs import parse_buddyinfo, parse_pagetypeinfo, parse_vmstat
from buddycap.formats.proctext import read_text
from buddycap.formats.tracefile import Trace, load_trace, read_trace, save_trace
from buddycap.formats.zoneinfo import parse_zoneinfo
from buddycap.recorded.load import Load
from buddycap.study.config import StudyConfig
from buddycap.study.store import Store

DATA = Path(__file__).parent / "data"
RECORDING = DATA / "replay" / "thpfrag"
TEXTS = ("01", "03", "06", "07", "12", "14", "18", "19", "20", "21", "27", "34")
SECONDS = 10
MEMORY_BYTES = 4 << 30
TOKENS = [
    *(b"0", b"-1", b"1", b"255", b"65536", b"4294967296", b"9223372036854775807", b"18446744073709551616", b"1e308"),
    *(b"[", b"]", b"{", b"}", b'"', b"'", b"=", b",", b":", b"\n", b"\x00", b"\xff", b"\x1b[2J", b"null", b"true"),
    *(
        b"NaN",
        b"-Infinity",
        b"[" * 2000,
        b"Node 0, zone ",
        b"pfn=",
        b"order=",
        b"9" * 400,
        b" ",
        b"\r\n",
        b"\xe2\x80\xae",
    ),
]


class Hang(BaseException):
    """A case took too long."""


def damaged(rng, data):
    """Damage bytes in one place, or in up to six."""
    data = bytearray(data)
    for _ in range(int(rng.choice((1, 1, 1, 2, 3, 6)))):
        data = data or bytearray(b"x")
        at, length = int(rng.integers(0, len(data))), int(rng.integers(1, 60))
        match int(rng.integers(0, 16)):
            case 0 | 8 | 9:
                data[at] ^= 1 << int(rng.integers(0, 8))
            case 1:
                del data[at : at + length]
            case 2 | 10 | 11:
                data[at:at] = TOKENS[int(rng.integers(0, len(TOKENS)))]
            case 3:
                data[at : at + length] = rng.bytes(length)
            case 4:
                data[at:at] = data[int(rng.integers(0, len(data))) :][: length * 10]
            case 5:
                del data[at:]
            case 6 | 12 | 13 | 14 | 15:
                replace_number(rng, data, at)
            case 7:
                data[at : at + 8] = int(rng.integers(0, 1 << 63)).to_bytes(8, "little")[: len(data[at : at + 8])]
    return bytes(data)


def replace_number(rng, data, at):
    """Replace the first number behind a place by an extreme one."""
    while at < len(data) and not 48 <= data[at] <= 57:
        at += 1
    end = at
    while end < len(data) and 48 <= data[end] <= 57:
        end += 1
    if end > at:
        data[at:end] = TOKENS[int(rng.integers(0, 8))]


def inside_gzip(rng, data):
    """Damage what is packed, not the packing."""
    return gzip.compress(damaged(rng, gzip.decompress(data)), 1, mtime=0)


def inside_zip(rng, data):
    """Damage one member of an archive, and let sizes and checksums agree."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        chosen = names[int(rng.integers(0, len(names)))]
        for name in names:
            content = old.read(name)
            new.writestr(name, damaged(rng, content) if name == chosen else content)
    return out.getvalue()


def either(inside):
    """Damage the file, or what is packed in it."""
    return lambda rng, data: (inside if rng.integers(0, 2) else damaged)(rng, data)


def text_of(parse):
    return lambda path: read_text(path, parse)


def command(*words):
    """Call the command; status and errors are looked at, and the output must be JSON where it was asked for."""

    def call(path):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main([word.format(path=path, folder=path.parent) for word in words])
        if "not enough memory" in err.getvalue():
            raise MemoryError(err.getvalue())
        if status == 2:
            assert "buddycap: error: " in err.getvalue(), err.getvalue()
            raise BuddycapError(err.getvalue())
        assert status in (0, 1), (status, err.getvalue())
        assert not any(ord(c) < 32 and c not in "\n\t\r" for c in out.getvalue() + err.getvalue())
        if "--json" in words:
            json.loads(out.getvalue())

    return call


def open_results(path):
    with Store.open(path.parent) as store:
        if store.plan is not None:
            store.records(store.plan)


def make_samples(folder):
    """Write the samples that the repository does not hold; returns the kinds: name, sample, damage, reader."""
    text = gzip.decompress((RECORDING / "trace.txt.gz").read_bytes())[400_000:430_000]
    (folder / "trace.txt").write_bytes(text)
    (folder / "trace.txt.gz").write_bytes(gzip.compress(text, mtime=0))
    whole = read_trace(folder / "trace.txt")
    save_trace(folder / "trace.bct", Trace(whole.events[:400], [(1, "mark")], whole.report))
    (folder / "own.toml").write_text('[wide]\nlike = "v3"\ncapture_min_order = 2\n[b]\nlike = "wide"\nsource = "me"\n')
    (folder / "config.toml").write_text(StudyConfig(memory_pages=1 << 15).to_toml())
    free = [[[(order + 1) << 11], [], [], []] for order in range(11)]
    state = {"zones": [{"name": "DMA", "start_pfn": 0, "spanned": 12 << 11, "free": free, "pcp": [{"lists": [[9]]}]}]}
    (folder / "state.start.json").write_text(json.dumps(state))
    zone = Zone(37, 2000, owners=True)
    zone.alloc_many(700)
    zone.save(folder / "zone.img")
    (folder / "zone.img.json").write_text(json.dumps({"recipe": "server", "digest": zone.digest(), "seconds": 3}))
    assert main(["snapshot", "--proc", str(DATA / "machine"), "-o", str(folder / "s.npz"), "--json"]) == 0
    results = folder / "results"
    words = ["--memory", "128MiB", "--seeds", "1", "--policies", "none,v3", "--jobs", "1", "--executor", "thread"]
    assert main(["study", *words, "--out", str(results), "--json"]) == 0
    return kinds(folder)


def kinds(folder):
    proc, vectors = DATA / "proc", DATA / "vectors"
    replayed = command("replay", "{folder}", "--samples", "2", "--json")
    found = {
        "policies.toml": (folder / "own.toml", damaged, load_policies),
        "config.toml": (folder / "config.toml", damaged, StudyConfig.from_toml),
        "snapshot.npz": (folder / "s.npz", either(inside_zip), command("snapshot", "--show", "{path}", "--json")),
        "kpageflags.npz": (DATA / "kpageflags.dma.npz", either(inside_zip), command("map", "{path}")),
        "load.npz": (DATA / "load" / "compile-50000.npz", either(inside_zip), Load.load),
        "state.json": (folder / "state.start.json", damaged, read_list_state),
        "image": (folder / "zone.img", damaged, Zone.load),
        "image manifest": (folder / "zone.img.json", damaged, command("image", "info", "{folder}/zone.img", "--json")),
        "study.sqlite": (folder / "results" / "study.sqlite", damaged, open_results),
        "trace text": (folder / "trace.txt", damaged, read_trace),
        "trace replayed": (folder / "trace.txt", damaged, command("replay", "{path}", "--json")),
        "trace perf": (DATA / "replay" / "text" / "perf-script.txt", damaged, read_trace),
        "trace gzip": (folder / "trace.txt.gz", either(inside_gzip), read_trace),
        "trace .bct": (folder / "trace.bct", damaged, load_trace),
        "vectors": (vectors / "C_giveback_2.jsonl.gz", either(inside_gzip), lambda path: play_vectors([path])),
        "vectors, formulas": (vectors / "E_formulas.jsonl.gz", either(inside_gzip), lambda path: play_vectors([path])),
        "buddyinfo": (proc / "compile.buddyinfo.start", damaged, text_of(parse_buddyinfo)),
        "pagetypeinfo": (proc / "compile.pagetypeinfo.start", damaged, text_of(parse_pagetypeinfo)),
        "vmstat": (proc / "linux4-18.vmstat.node", damaged, text_of(parse_vmstat)),
        "zoneinfo": (proc / "guest.zoneinfo.start", damaged, text_of(parse_zoneinfo)),
        "zoneinfo 2.6.18": (proc / "linux2-6-18.zoneinfo.numa", damaged, text_of(parse_zoneinfo)),
        "extfrag_index": (proc / "extfrag.extfrag_index.start", damaged, text_of(parse_index)),
        **{
            f"text {path.stem[3:]}": (path, damaged, command("explain", "{path}", "--json"))
            for number in TEXTS
            for path in (DATA / "texts").glob(f"{number}-*.txt")
        },
    }
    with contextlib.suppress(ImportError):
        import zstandard

        packed = folder / "trace.txt.zst"
        packed.write_bytes(zstandard.ZstdCompressor().compress((folder / "trace.txt").read_bytes()))
        found["trace zstd"] = (packed, damaged, read_trace)
    for name in ("zoneinfo", "buddyinfo", "iomem", "kpageflags"):
        found[f"/proc/{name}"] = (DATA / "machine" / name, damaged, record)
    for name in ("kpageflags.start.npz", "buddyinfo.end", "meta.json"):
        change = either(inside_zip) if name.endswith("npz") else damaged
        found[f"recording: {name}"] = (RECORDING / name, change, replayed)
    return found


def record(path):
    """Record the machine whose /proc has one damaged file."""
    command("snapshot", "--proc", "{folder}", "-o", str(path.parent.parent / "recorded.npz"), "--json", "--force")(path)


def one(name, kind, seed, number, work):
    """Run one case: how it ended, and what was wrong."""
    sample, change, read = kind
    rng = np.random.default_rng((seed, number))
    place = work / sample.parent.name
    if not place.exists():
        shutil.copytree(sample.parent, place) if read is record or name.startswith("recording") else place.mkdir()
        if name == "image manifest":
            shutil.copy(sample.parent / "zone.img", place)
    path = place / sample.name
    path.unlink(missing_ok=True)
    path.write_bytes(change(rng, sample.read_bytes()))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        read(path)
        return "read", ""
    except (BuddycapError, OSError):
        return "refused", ""
    except (Exception, Hang):
        return "WRONG", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        path.unlink(missing_ok=True)
        if read is record or name.startswith("recording"):
            shutil.copy(sample, path)


def work_through(samples, seed, numbers, told):
    """Run cases, and tell of each before and after."""

    def hang(*_):
        raise Hang

    signal.signal(signal.SIGALRM, hang)
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    every = kinds(samples)
    names = list(every)
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            name = names[number % len(names)]
            told({"case": number, "kind": name})
            work = Path(folder, str(number % len(names)))
            work.mkdir(exist_ok=True)
            how, why = one(name, every[name], seed, number, work)
            told({"case": number, "kind": name, "how": how, "why": why, "rss": peak_mib()})


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def fuzz(count, seed=0, *, progress=None):
    """Run cases 0..count-1 in a process that may end: (table of kinds, findings, peak of memory in MiB)."""
    table: dict[str, Counter] = {}
    findings, peak, at = [], 0, 0
    with tempfile.TemporaryDirectory() as samples:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            make_samples(Path(samples))
        while at < count:
            words = ["--work", samples, "--seed", str(seed), "--from", str(at), "--count", str(count)]
            command_line = [sys.executable, __file__, *words]
            last = {}
            with subprocess.Popen(
                command_line, stdout=-1, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
            ) as process:
                for line in process.stdout:
                    last = json.loads(line)
                    if "how" in last:
                        table.setdefault(last["kind"], Counter())[last["how"]] += 1
                        peak = max(peak, last["rss"])
                        if last["how"] == "WRONG":
                            findings.append((last["case"], last["kind"], last["why"]))
                        at = last["case"] + 1
                        if progress:
                            progress(at)
            if process.returncode or not last:
                kind = last.get("kind", "?")
                findings.append((last.get("case", at), kind, f"the process ended with {process.returncode}"))
                table.setdefault(kind, Counter())["WRONG"] += 1
                at = max(at, last.get("case", at)) + 1
    return table, findings, peak


def show(table, findings, peak):
    """Return the table as text, and the findings behind it."""
    lines = [f"{'kind':<32}{'files':>8}{'read':>8}{'refused':>9}{'wrong':>7}"]
    for kind, ends in sorted(table.items()):
        lines.append(f"{kind:<32}{ends.total():>8}{ends['read']:>8}{ends['refused']:>9}{ends['WRONG']:>7}")
    total = sum(table.values(), Counter())
    lines.append(f"{'all':<32}{total.total():>8}{total['read']:>8}{total['refused']:>9}{total['WRONG']:>7}")
    lines.append(f"peak of memory {peak} MiB")
    return "\n".join(lines + [f"case {case}, {kind}: {why}" for case, kind, why in findings])


def run(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="run this one alone")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--from", dest="first", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args(words)
    if args.work:
        out = os.fdopen(os.dup(1), "w")
        work_through(
            Path(args.work),
            args.seed,
            range(args.first, args.count),
            lambda what: print(json.dumps(what), file=out, flush=True),
        )
        return 0
    if args.case is not None:
        with tempfile.TemporaryDirectory() as samples:
            make_samples(Path(samples))
            work_through(Path(samples), args.seed, [args.case], print)
        return 0
    table, findings, peak = fuzz(args.count, args.seed)
    print(show(table, findings, peak))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(run())
