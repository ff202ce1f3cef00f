"""What does the hook of a policy cost?  One run of the experiment without it, and with hooks that do little.

python benchmarks/bench_hook.py
"""

import time

from buddycap import POLICIES
from buddycap.study.config import preset_config
from buddycap.study.run import run_once

CONFIG = preset_config("x86_64", 1 << 18)
ROUNDS = 15


def nothing(consultation):
    """Leave it to the policy."""


def look(consultation):
    """Look at every block."""
    return "consult" if consultation.blocks["order"].max(initial=0) < 0 else None


def seconds(hook):
    """CPU time of one run."""
    policy = POLICIES["v3"].replace(name="hooked", hook=hook)
    begin = time.process_time()
    run_once(CONFIG, policy, seed=1)
    return time.process_time() - begin


def main():
    """Print a line for each hook: the least time of a run, and the price of one consultation."""
    asked = []
    seconds(asked.append)
    hooks = {"no hook": None, "returns None": nothing, "looks at every block": look}
    times = {name: [] for name in hooks}
    for _ in range(ROUNDS):
        for name, hook in hooks.items():
            times[name].append(seconds(hook))
    blocks = sum(len(consultation.blocks) for consultation in asked) / len(asked)
    print(f"{len(asked)} consultations in a run of 1 GiB, {blocks:.0f} blocks on the list on average; {ROUNDS} rounds")
    base = min(times["no hook"])
    for name, found in times.items():
        price = (min(found) - base) / len(asked) * 1e6
        print(f"{name:<22} {min(found):.4f} s (up to {max(found):.4f}), {price:5.2f} us a consultation")


if __name__ == "__main__":
    main()
