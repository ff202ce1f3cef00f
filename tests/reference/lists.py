"""The lists of the twin: blocks by their first pages, and capture lists with the rules that the discussion brought up.

The rules, from the specification: *simple* (7b), *early release* (7e) with its option to trim, and *hold* (7d).
"""


class BlockList(dict):
    """First pages of blocks; the last key is the head."""

    def add_head(self, pfn):
        """Put a block in front."""
        self[pfn] = None

    def head(self):
        """The block added last."""
        return next(reversed(self))

    def tail(self):
        """The block that has been here longest."""
        return next(iter(self))


class CaptureList(BlockList):
    """Blocks that a reclaimer keeps from everybody else until it has one that is large enough.

    private: they merge only with each other. release_order: the first block of that order is enough, and everything
    else goes back; trim: also what that block has too much.
    """

    def __init__(self, zone, *, private=False, release_order=None, trim=False):
        super().__init__()
        self.zone = zone
        self.private = private
        self.release_order = release_order
        self.trim = trim
        self.has_enough = False
        self.finished = set()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def close(self):
        """Give everything back, oldest first, and be gone."""
        while self:
            self.zone.free_one_page(*self.take(self.tail()))
        self.zone.open_lists = [other for other in self.zone.open_lists if other is not self]

    @property
    def sated(self):
        """Whether the block that was waited for is here, or one that is held."""
        return self.has_enough and len(self) > 0

    def blocks(self):
        """(pfn, order) of every block, head first."""
        return [(pfn, self.zone.buddy_order[pfn]) for pfn in reversed(self)]

    def keeps_apart(self, pfn):
        """Whether a block of this list merges with nobody outside it: on a private list all, else the finished ones."""
        return self.private or pfn in self.finished

    def capture_one_page(self, pfn, order=0):
        """Free a block in use to this list instead of to the zone, if it wants more."""
        if self.sated:
            self.zone.free_one_page(pfn, order)
            return
        self.has_enough = False
        self.zone.leave_use(pfn, order)
        self.zone.capture_and_merge(self, pfn, order)

    def take(self, pfn):
        """Take a block into use; returns (pfn, order)."""
        self.finished.discard(pfn)
        order = self.zone.unlink(pfn)
        self.zone.in_use[pfn] = order
        return pfn, order

    def finish(self, pfn, order):
        """Put a block back that is in use and shall change no more."""
        self.zone.leave_use(pfn, order)
        self.zone.link(pfn, order, self)
        self.finished.add(pfn)
        self.has_enough = True

    def arrived(self, pfn, order):
        """A block has come, or has grown: is it the one that was waited for?"""
        if self.release_order is None or order < self.release_order:
            return
        self.has_enough = True
        for other in [other for other in self if other != pfn]:
            self.zone.free_one_page(*self.take(other))
        if self.trim:
            self.take(pfn)
            self.zone.carve_off(pfn, order, self.release_order)
            self.finish(pfn, self.release_order)

    def capture_alloc_or_return(self, order, *, alloc_flags, classzone_idx, hold=False):
        """Keep the oldest block of at least `order`, trimmed; give back the rest, or all below the watermark.

        hold: below the watermark the block stays here, alone.
        """
        zone, got = self.zone, None
        self.has_enough = False
        while self:
            pfn, block_order = self.take(self.tail())
            if got is None and block_order >= order:
                zone.carve_off(pfn, block_order, order)
                got = pfn
            else:
                zone.free_one_page(pfn, block_order)
        if got is None or zone.watermark_permits(0, classzone_idx, alloc_flags):
            return got
        if hold:
            self.finish(got, order)
        else:
            zone.free_one_page(got, order)
        return None
