"""What tests of whole arrays share: from which size on they are arrays, and whether two zones are the same."""

LARGE = 128  # batches from here on are done in bulk, if they are dense


def everything(zone):
    """All that can be seen of a zone."""
    zone.check()
    lists = [(capture.stats, capture.blocks().tolist()) for capture in zone.capture_lists()]
    return zone.canonical_dump(), zone.vmstat(), lists, zone.digest()


def same(one, two):
    """Compare two zones; the dump first, because it says where they differ."""
    for left, right in zip(everything(one), everything(two), strict=True):
        assert left == right
