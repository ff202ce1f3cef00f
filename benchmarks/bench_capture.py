"""How many pages a second go through a capture list: collected, merged, walked, carved, the rest given back?"""

import races

CAPTURE = next(w for w in races.WORKLOADS if w.key == "capture")


def test_capture_stream(measure, contender, pages):
    measure(lambda: CAPTURE.prepare(contender, contender.zone(pages), pages), CAPTURE.operations(pages, 0))
