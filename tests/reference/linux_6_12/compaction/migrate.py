"""Migration in Linux 6.12: units get their targets and are unmapped, then all of them are moved."""

from ...linux_6.compaction.pages import ASYNC
from .scanners import compaction_alloc, compaction_free

SLICE_PAGES = 512
ASYNC_PASSES, SYNC_FIRST_PASSES, SYNC_PASSES, SPLIT_PASSES = 10, 3, 7, 1
BUSY_UNMAPPING, REFUSED, BUSY_MOVING = 1, 2, 3
LET_GO = -1
REFUSING, BUSY_WHEN_MOVED = "ewE", "m"


class NoMemory(Exception):
    """There is no page to move to."""


class Batch:
    """Some units: as many as can are unmapped, each with its target, and then all those are moved.

    `left` are to be tried again, `failures` have failed for good, `split` are pages of units that found no target.
    """

    def __init__(self, cc, units, passes):
        self.cc, self.machine = cc, cc.machine
        self.left, self.failures, self.split = list(units), [], []
        self.unmapped = []  # (unit, its target)
        self.failed_units = self.split_units = self.failed_pages = self.succeeded = 0
        self.no_memory = False
        self.unmap_all(passes)
        self.move_all(passes)

    def pages(self, units):
        """Pages of units."""
        return sum(1 << self.machine.order[unit] for unit in units)

    def fail(self, units):
        """Count units that have failed."""
        self.failed_units += len(units)
        self.failed_pages += self.pages(units)

    def unmap_all(self, passes):
        """Up to so many passes over what is busy; the first unit without a target that cannot be split ends it."""
        for _ in range(passes):
            busy = []
            for number, unit in enumerate(self.left):
                try:
                    if not self.unmap(unit):
                        busy.append(unit)
                except NoMemory:
                    if self.split_unit(unit):
                        continue
                    self.fail([*busy, unit])
                    self.no_memory = True
                    self.left = busy + self.left[number:]
                    return
            self.left = busy
            if not busy:
                return
        self.fail(self.left)

    def unmap(self, unit):
        """Unmap a unit, unless it refuses; whether it is not to be tried again."""
        machine, order = self.machine, self.machine.order[unit]
        if unit in machine.let_go:
            machine.moves.append([unit, LET_GO])
            self.free_source(unit)
            return True
        target = compaction_alloc(self.cc, order)
        if target is None:
            raise NoMemory
        machine.before_attempt(unit)
        kind = machine.kind[unit]
        if kind in REFUSING:
            machine.moves.append([unit, target, REFUSED])
            compaction_free(self.cc, target, order)
            self.failures.append(unit)
            self.fail([unit])
        elif kind not in BUSY_WHEN_MOVED and machine.busy.get(unit):
            machine.stay_busy(unit)
            machine.moves.append([unit, target, BUSY_UNMAPPING])
            compaction_free(self.cc, target, order)
            return False
        else:
            machine.unmapped.add(unit)
            self.unmapped.append((unit, target))
        return True

    def split_unit(self, unit):
        """Split a unit, if it can be: a failure all the same."""
        pages = self.machine.split_unit(unit)
        if pages:
            self.split += pages
            self.split_units += 1
            self.failed_units += 1
        return bool(pages)

    def move_all(self, passes):
        """Up to so many passes over what is busy; what still is gives its target back."""
        for _ in range(passes):
            self.unmapped = [pair for pair in self.unmapped if not self.move(*pair)]
        self.fail([unit for unit, _ in self.unmapped])
        for unit, target in self.unmapped:
            self.machine.unmapped.discard(unit)
            self.failures.append(unit)
            compaction_free(self.cc, target, self.machine.order[unit])

    def move(self, unit, target):
        """Move a unit; whether it could be."""
        machine = self.machine
        machine.before_attempt(unit)
        kind = machine.kind[unit]
        if kind in BUSY_WHEN_MOVED and machine.busy.get(unit):
            machine.stay_busy(unit)
            machine.moves.append([unit, target, BUSY_MOVING])
            return False
        machine.moves.append([unit, target])
        machine.add_unit(target, machine.order[unit], kind)
        self.free_source(unit)
        return True

    def free_source(self, unit):
        """The old pages are free."""
        machine = self.machine
        for marked in (machine.isolated, machine.let_go, machine.unmapped):
            marked.discard(unit)
        self.succeeded += 1 << machine.order[unit]
        machine.free_block(unit, machine.drop_unit(unit))


class Migration:
    """The migration of all that was isolated, slice by slice."""

    def __init__(self, cc):
        self.cc = cc
        self.failures, self.split = [], []
        self.succeeded = self.failed_pages = 0

    def batch(self, units, passes):
        """Run a batch; what it moved and split is taken over."""
        done = Batch(self.cc, units, passes)
        self.succeeded += done.succeeded
        self.split += done.split
        return done

    def keep(self, done):
        """Take over what has failed in a batch."""
        self.failed_pages += done.failed_pages
        self.failures += done.failures

    def migrate_slice(self, units):
        """(Units that failed, or `NoMemory`; those that nobody has tried to the end)."""
        if self.cc.mode != ASYNC:
            return self.migrate_sync(units)
        done = self.batch(units, ASYNC_PASSES)
        self.keep(done)
        return NoMemory if done.no_memory else done.failed_units, done.left

    def migrate_sync(self, units):
        """The same, first all together without waiting, then one by one: only the second time a failure counts."""
        done = self.batch(units, SYNC_FIRST_PASSES)
        if done.no_memory:
            self.keep(done)
            return NoMemory, done.left
        failed, left = done.split_units, done.left + done.failures
        while left:
            done = self.batch(left[:1], SYNC_PASSES)
            self.keep(done)
            left = left[1:]
            if done.no_memory:
                return NoMemory, done.left + left
            self.failures += done.left
            failed += done.failed_units
        return failed, []

    def migrate_split(self):
        """Try the pages of units that were split, once; whether they fail does not matter to the result."""
        pages, self.split = self.split, []
        done = self.batch(pages, SPLIT_PASSES)
        self.keep(done)
        self.failures += done.left


def cut_slice(units):
    """(Units of a slice, the others); the one that fills it belongs to it."""
    pages = 0
    for number, (_, order) in enumerate(units, 1):
        pages += 1 << order
        if pages >= SLICE_PAGES:
            return units[:number], units[number:]
    return units, []


def migrate_pages(cc):
    """Move what was isolated: 0, or how many units failed, or `NoMemory`; what is left is in `cc.migratepages`."""
    migration, result = Migration(cc), 0
    rest = [(unit, cc.machine.order[unit]) for unit in cc.migratepages]
    while rest and result is not NoMemory:
        piece, rest = cut_slice(rest)
        failed, left = migration.migrate_slice([unit for unit, _ in piece])
        migration.failures += left
        if failed is NoMemory:
            migration.failures += migration.split
            result = NoMemory
        else:
            migration.migrate_split()
            result += failed
    cc.machine.events["pgmigrate_success"] += migration.succeeded
    cc.machine.events["pgmigrate_fail"] += migration.failed_pages
    cc.migratepages = migration.failures + [unit for unit, _ in rest]
    return result if cc.migratepages else 0
