"""What the tests share: the zone under test (the core and the reference twin) and the Hypothesis profiles."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from reference import model

PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("dev", max_examples=100, stateful_step_count=50, **PATIENT)
settings.register_profile("ci", max_examples=500, stateful_step_count=50, derandomize=True, **PATIENT)
settings.register_profile("soak", max_examples=20_000, stateful_step_count=100, **PATIENT)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure():
    """A suite started in the background ignores Ctrl-C, and so would the programs that tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["twin", "core"])
def zone_class(request):
    """The class of the zone under test: a test that uses it runs on the twin and on the core."""
    if request.param == "twin":
        return model.Zone
    import buddycap  # here, so that the tests that only read sources run without a build

    return buddycap.Zone
