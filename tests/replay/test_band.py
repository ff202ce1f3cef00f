"""Does a band hold what it says it holds?"""

import json

import numpy as np
import pytest

import buddycap
from buddycap import MisuseError, PolicyError
from buddycap.cli import main
from buddycap.recorded.recording import open_recording
from buddycap.replay.band import FIGURES, Control, banded, figures_of, margin_of, predict
from buddycap.replay.course import reconstruct
from buddycap.replay.prepared import Prepared
from buddycap.replay.timeline import sample_times
from buddycap.replay.whatif import WhatIf
from sourcelint import ROOT

FOLDER = ROOT / "tests" / "data" / "replay" / "thpfrag"


@pytest.fixture(scope="module")
def control():
    recording = open_recording(FOLDER)
    moments = sample_times(recording.first_ns, recording.end_ns[0], 5)
    return Control(Prepared(recording), moments, reconstruct(recording, 5)[0], 2)


def test_a_control_has_nothing_different():
    for what, wanted in (
        (WhatIf(policy="v3", direct=True), WhatIf(policy="none")),
        (WhatIf(kernel="2.6.27", min_free=9000), WhatIf(policy="none", kernel="2.6.27")),
        (WhatIf(policy="off"), WhatIf(background="lists")),
        (WhatIf(defrag="always", cpus=3), WhatIf(background="lists", cpus=3)),
        (WhatIf(empty=True), WhatIf(background="simulated")),
        (WhatIf(min_free=9000), WhatIf(background="lists")),
        (WhatIf(pageblock_order=10), WhatIf(background="followed")),
    ):
        assert what.control == wanted
        assert wanted.control == wanted


@pytest.mark.parametrize("rules", [{"background": "followed"}, {"background": "simulated"}, {"policy": "none"}])
def test_the_band_of_a_control_holds_the_truth(control, rules):
    _, band = predict(control, WhatIf(**rules))
    truth = figures_of(control.truth)
    assert band.controlled
    assert (band.low <= truth).all()
    assert (truth <= band.high).all()
    assert (band.low <= band.middle).all()
    assert (band.middle <= band.high).all()


def test_a_margin_never_shrinks(control):
    tries = [figures_of(result.timeline) for result in control.tries(WhatIf(policy="none"))]
    margin = margin_of(figures_of(control.truth), tries)
    assert (np.diff(margin, axis=1) >= 0).all()
    plain, wide = banded("", tries, None), banded("", tries, margin)
    assert not plain.controlled
    assert (wide.high - wide.low >= plain.high - plain.low).all()


def test_without_a_control_the_seeds_stand_alone(control):
    _, band = predict(control, WhatIf(policy="v3", empty=True))
    assert not band.controlled


def test_seeds_go_on_from_that_of_the_what_if(control):
    assert [result.what.seed for result in control.tries(WhatIf(policy="none", seed=7))] == [7, 8]
    with pytest.raises(MisuseError, match=r"seeds=0: allowed range is 1\.\.1000"):
        Control(control.prepared, control.moments, None, 0)


def test_the_call_and_the_command_tell_the_same(capsys):
    done = buddycap.run_replay(FOLDER, what_if=["policy=v3"], samples=5, seeds=2)
    words = [str(FOLDER), "--samples", "5", "--seeds", "2", "--what-if", "policy=v3"]
    assert main(["replay", *words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bands"] == [band.as_dict() for band in done.bands]
    assert main(["replay", *words]) == 0
    assert done.table() in capsys.readouterr().out
    assert {"low", "middle", "high"} == set(done.bands[0].as_dict()[FIGURES[0]])
    assert "bands" not in buddycap.run_replay(FOLDER, what_if=["policy=v3"], samples=5).as_dict()


def test_policies_of_compaction_are_for_kernels_that_compact(control):
    off, on = (predict(control, WhatIf(policy=name))[0] for name in ("off", "capture"))
    assert {off.kernel, on.kernel} == {"6.12"}
    assert sum(off.asked) == sum(on.asked) > 0
    with pytest.raises(MisuseError, match=r"of compaction, which Linux 2\.6\.27 does not have"):
        predict(control, WhatIf(policy="off", kernel="2.6.27"))
    with pytest.raises(MisuseError, match="of capture as in 2008"):
        predict(control, WhatIf(policy="v3", kernel="6.12"))
    with pytest.raises(PolicyError, match="did you mean 'capture'"):
        WhatIf(policy="captur")
