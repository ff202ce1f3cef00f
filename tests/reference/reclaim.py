"""A plain-Python twin of direct reclaim on one zone: the slow path, the split LRU, lumpy isolation, capture.

It is written from the specification (mm/vmscan.c of 2.6.28, mm/page_alloc.c of 2.6.27, the series of 2008), never from
the core. Waits are served at once: congestion_wait ends all writes, oldest first. There is no slab, kswapd or
laptop mode, and no policy that isolates, queues or turns the per-CPU lists off.
"""

from buddycap import GFP, PageFlags

from .model import HARDER, HIGH, WMARK_MIN

INACTIVE_ANON, ACTIVE_ANON, INACTIVE_FILE, ACTIVE_FILE, UNEVICTABLE = range(5)
CLUSTER, PAGEVEC, COSTLY, DEF_PRIORITY = 32, 14, 3, 12
USED = PageFlags.REFERENCED | PageFlags.YOUNG


def list_of(flags):
    """The LRU list that a page's flags name; files are what is not backed by swap."""
    if flags & PageFlags.UNEVICTABLE:
        return UNEVICTABLE
    base = INACTIVE_ANON if flags & PageFlags.SWAPBACKED else INACTIVE_FILE
    return base + bool(flags & PageFlags.ACTIVE)


def is_file(flags):
    """Index into what is kept for anonymous pages (0) and those of files (1)."""
    return int(not flags & PageFlags.SWAPBACKED)


class Scan:
    """What one direct reclaim is for (scan_control), and what it has in hand."""

    def __init__(self, order, gfp, alloc_flags, policy, cpu):
        self.order = self.scan_order = order
        self.gfp, self.alloc_flags, self.policy, self.cpu = gfp, alloc_flags, policy, cpu
        self.nr_scanned = 0
        self.priority = DEF_PRIORITY
        self.capture_list = None
        self.got = None


class Machine:
    """One zone with its LRU lists (Python lists, head first), its swap and the writes under way."""

    def __init__(self, zone, swap_pages=0, swappiness=60):
        self.zone = zone
        self.lru = [[] for _ in range(5)]
        self.flags = {}
        self.recent_scanned, self.recent_rotated = [0, 0], [0, 0]
        self.nr_scan = [0] * 4
        self.swap_free = self.swap_pages = swap_pages
        self.swappiness = swappiness
        self.writeback = []

    # Pages

    def lru_cache_add(self, pfn, flags):
        """Put an allocated page at the head of its list."""
        self.flags[pfn] = flags | PageFlags.LRU
        where = list_of(flags)
        self.lru[where].insert(0, pfn)
        if where != UNEVICTABLE:
            self.recent_scanned[is_file(flags)] += 1
            self.recent_rotated[is_file(flags)] += where & 1

    def cull(self, pfn):
        """A page that is locked in memory goes to the unevictable list."""
        self.flags[pfn] = self.flags[pfn] & ~PageFlags.ACTIVE | PageFlags.UNEVICTABLE | PageFlags.LRU
        self.lru[UNEVICTABLE].insert(0, pfn)

    def end_writeback(self, pfn):
        """A write is done; a page that reclaim wanted goes to the tail of its list."""
        self.writeback.remove(pfn)
        flags = self.flags[pfn]
        self.flags[pfn] = flags & ~(PageFlags.WRITEBACK | PageFlags.RECLAIM)
        barred = PageFlags.LOCKED | PageFlags.DIRTY | PageFlags.ACTIVE | PageFlags.UNEVICTABLE
        if flags & PageFlags.RECLAIM and flags & PageFlags.LRU and not flags & barred:
            pages = self.lru[list_of(flags)]
            pages.remove(pfn)
            pages.append(pfn)

    def congestion_wait(self):
        """Every write ends."""
        for pfn in list(self.writeback):
            self.end_writeback(pfn)

    # The slow path

    def get_page_from_freelist(self, order, gfp, mark, alloc_flags, cpu):
        """A block, if the watermark permits."""
        if not self.zone.watermark_ok(order, mark, classzone_idx=0, alloc_flags=alloc_flags):
            return None
        migratetype = (gfp >> 19) & 3
        if order:
            return self.zone.rmqueue(order, migratetype)
        return self.zone.rmqueue_pcplist(migratetype, bool(gfp & GFP.COLD), cpu)

    def alloc_pages(self, order, gfp, policy, cpu=0):
        """A block or None; one round without progress is the end."""
        zone = self.zone
        pfn = self.get_page_from_freelist(order, gfp, zone.pages_low, 0, cpu)
        shares = (0 if gfp & GFP.WAIT else HARDER) | (HIGH if gfp & GFP.HIGH else 0)
        reclaimed = 0
        if pfn is None:
            pfn = self.get_page_from_freelist(order, gfp, zone.pages_min, shares, cpu)
        while pfn is None and gfp & GFP.WAIT:
            progress, pfn = self.try_to_free_pages(Scan(order, gfp, WMARK_MIN | shares, policy, cpu))
            if pfn is not None:
                break
            if order:
                for other in range(len(zone.pcp)):
                    zone.drain_pages(other)
            if progress:
                pfn = self.get_page_from_freelist(order, gfp, zone.pages_min, shares, cpu)
            elif gfp & GFP.FS and not gfp & GFP.NORETRY:
                return self.get_page_from_freelist(order, gfp, zone.pages_high, 0, cpu)
            reclaimed += progress
            again = order <= COSTLY or (gfp & GFP.REPEAT and reclaimed < 1 << order)
            if pfn is None and (gfp & GFP.NORETRY or not again or not progress):
                return None
            if pfn is None:
                self.congestion_wait()
        return pfn

    def try_to_free_pages(self, scan):
        """Direct reclaim: pages reclaimed if they are enough or all there are, and the block captured."""
        nr_reclaimed = 0
        for scan.priority in range(DEF_PRIORITY, -1, -1):
            scan.nr_scanned = 0
            nr_reclaimed += self.shrink_zone(scan)
            if nr_reclaimed >= CLUSTER:
                break
            if scan.nr_scanned and scan.priority < DEF_PRIORITY - 2:
                self.congestion_wait()
        return nr_reclaimed, scan.got

    # One zone

    def inactive_anon_is_low(self):
        """Whether there are fewer inactive than active anonymous pages (zones below a GiB)."""
        return len(self.lru[INACTIVE_ANON]) < len(self.lru[ACTIVE_ANON])

    def get_scan_ratio(self):
        """Percentages of the pressure on anonymous pages and on files."""
        anon = len(self.lru[INACTIVE_ANON]) + len(self.lru[ACTIVE_ANON])
        file = len(self.lru[INACTIVE_FILE]) + len(self.lru[ACTIVE_FILE])
        if self.swap_free <= 0:
            return 0, 100
        if file + self.zone.nr_free_pages <= self.zone.pages_high:
            return 100, 0
        pressure = []
        for kind, (size, priority) in enumerate(((anon, self.swappiness), (file, 200 - self.swappiness))):
            if self.recent_scanned[kind] > size // 4:
                self.recent_scanned[kind] //= 2
                self.recent_rotated[kind] //= 2
            pressure.append((priority + 1) * (self.recent_scanned[kind] + 1) // (self.recent_rotated[kind] + 1))
        percent = 100 * pressure[0] // (sum(pressure) + 1)
        return percent, 100 - percent

    def scan_counts(self, scan):
        """Pages to scan of each list; less than a cluster is saved up."""
        percent, left = self.get_scan_ratio(), [0] * 4
        for k in range(4):
            pages = len(self.lru[k])
            self.nr_scan[k] += (pages >> scan.priority) * percent[k // 2] // 100 if scan.priority else pages
            if self.nr_scan[k] >= CLUSTER:
                left[k], self.nr_scan[k] = self.nr_scan[k], 0
        return left

    def shrink_zone(self, scan):
        """Passes over the lists; after each the capture list is consulted."""
        policy, order, reclaimed = scan.policy, scan.order, 0
        if policy.capture and order >= policy.capture_min_order and scan.got is None:
            release = order if policy.early_release else None
            scan.capture_list = self.zone.capture_list(private=policy.private, release_order=release, trim=policy.trim)
        left = self.scan_counts(scan)
        while left[INACTIVE_ANON] or left[INACTIVE_FILE] or left[ACTIVE_FILE]:
            reclaimed += self.pass_over_lists(scan, left)
            if policy.consult == "pass":
                reclaimed += self.consult(scan, policy.hold_rounds)
        if self.inactive_anon_is_low():
            self.shrink_active_list(scan, CLUSTER, 0)
        self.close(scan)
        return reclaimed

    def pass_over_lists(self, scan, left, enough=None):
        """Up to a cluster of each list, until enough has been reclaimed; pages reclaimed."""
        reclaimed = 0
        for k in range(4):
            if enough is not None and reclaimed >= enough:
                break
            n = min(left[k], CLUSTER)
            left[k] -= n
            if n and (k == ACTIVE_FILE or (k == ACTIVE_ANON and self.inactive_anon_is_low())):
                self.shrink_active_list(scan, n, k // 2)
            elif n:
                reclaimed += self.shrink_inactive_list(scan, n, k // 2)
        return reclaimed

    def consult(self, scan, hold_rounds=0):
        """Look for the block; one that the watermark forbids is held while rounds of reclaim free more. Their pages."""
        reclaimed, rounds = 0, hold_rounds
        while scan.capture_list is not None:
            scan.got = scan.capture_list.capture_alloc_or_return(
                scan.order, alloc_flags=scan.alloc_flags, classzone_idx=0, hold=rounds > 0
            )
            if scan.got is not None:
                self.close(scan)
            if scan.got is not None or not scan.capture_list.sated:
                break
            rounds -= 1
            scan.scan_order = scan.policy.hold_order
            anon = CLUSTER if self.swap_free > 0 else 0
            reclaimed += self.pass_over_lists(scan, [anon, anon, CLUSTER, CLUSTER], CLUSTER)
        scan.scan_order = scan.order
        return reclaimed

    def close(self, scan):
        """Nothing is captured any more; what is on the list goes back."""
        if scan.capture_list is not None:
            scan.capture_list.close()
        scan.capture_list = None

    # Lists

    def isolate(self, pfn, wanted):
        """Take a page off its LRU list, if it is on the one wanted, or on any (None)."""
        flags = self.flags.get(pfn, 0)
        where = list_of(flags)
        if not flags & PageFlags.LRU or where == UNEVICTABLE or wanted not in (None, where):
            return False
        self.lru[where].remove(pfn)
        self.flags[pfn] = flags & ~PageFlags.LRU
        return True

    def isolate_lru_pages(self, n, source, order, wanted):
        """Pages from the tail of a list with the blocks around them, in order; and how many were scanned."""
        taken, scanned = [], 0
        while scanned < n and self.lru[source]:
            tag = self.lru[source][-1]
            self.isolate(tag, wanted)
            taken.append(tag)
            first = tag >> order << order
            for pfn in range(first, first + (1 << order)):
                inside = self.zone.start_pfn <= pfn < self.zone.end_pfn
                if inside and not self.zone.is_present(pfn):
                    break
                if inside and pfn != tag and self.isolate(pfn, wanted):
                    taken.append(pfn)
                    scanned += 1
            scanned += 1
        return taken, scanned

    def shrink_active_list(self, scan, n, file):
        """Move pages from the tail of an active list to the head of the inactive one."""
        source = ACTIVE_FILE if file else ACTIVE_ANON
        taken, _ = self.isolate_lru_pages(n, source, scan.scan_order, source)
        self.recent_scanned[file] += len(taken)
        for pfn in taken:
            flags = self.flags[pfn]
            if flags & PageFlags.MLOCKED:
                self.cull(pfn)
                continue
            if flags & (PageFlags.MMAP | PageFlags.SWAPCACHE):
                self.recent_rotated[file] += self.is_referenced(flags)
                flags &= ~USED
            self.flags[pfn] = flags & ~PageFlags.ACTIVE | PageFlags.LRU
            self.lru[source - 1].insert(0, pfn)

    def shrink_inactive_list(self, scan, max_scan, file):
        """Isolate, shrink, perhaps wait and shrink again, put back; pages reclaimed."""
        source = INACTIVE_FILE if file else INACTIVE_ANON
        total = freed = 0
        while total < max_scan:
            order = scan.scan_order
            both = order > COSTLY or (order and scan.priority < DEF_PRIORITY - 2)
            taken, scanned = self.isolate_lru_pages(CLUSTER, source, order, None if both else source)
            total += scanned
            for pfn in taken:
                self.recent_scanned[is_file(self.flags[pfn])] += 1
                self.flags[pfn] &= ~PageFlags.ACTIVE
            came, left = self.shrink_and_consult(scan, taken, sync=False)
            if came < len(taken) and order > COSTLY:
                self.congestion_wait()
                for pfn in left:
                    self.flags[pfn] &= ~PageFlags.ACTIVE
                more, left = self.shrink_and_consult(scan, left, sync=True)
                came += more
            freed += came
            for pfn in left:
                self.put_back(pfn)
            if not taken:
                break
        return freed

    def put_back(self, pfn):
        """A survivor goes to the head of the list that its flags name."""
        if self.flags[pfn] & PageFlags.MLOCKED:
            self.cull(pfn)
            return
        flags = self.flags[pfn] = self.flags[pfn] | PageFlags.LRU
        self.lru[list_of(flags)].insert(0, pfn)
        if flags & PageFlags.ACTIVE:
            self.recent_rotated[is_file(flags)] += 1

    def shrink_and_consult(self, scan, pages, sync):
        """One shrink_page_list, and after it the consultation of policies that ask so often."""
        freed, left = self.shrink_page_list(scan, pages, sync)
        if scan.policy.consult == "list":
            self.consult(scan)
        return freed, left

    # Pages (5.10)

    def shrink_page_list(self, scan, pages, sync):
        """Decide on each page; how many are freed or captured, and those that are left."""
        freed, left, pagevec = 0, [], []
        for pfn in pages:
            verdict = self.decide(scan, pfn, sync)
            if verdict == "free":
                freed += 1
                del self.flags[pfn]
                pagevec.append(pfn)
                if len(pagevec) >= (scan.policy.batch if self.captures(scan) else PAGEVEC):
                    self.empty(scan, pagevec)
            elif verdict == "cull":
                self.cull(pfn)
            else:
                if verdict == "activate":
                    self.activate(pfn)
                left.append(pfn)
        self.empty(scan, pagevec)
        return freed, left

    def captures(self, scan):
        """Whether a page reclaimed now is captured."""
        return scan.capture_list is not None and not scan.capture_list.sated

    def empty(self, scan, pagevec):
        """Capture or free the pages of a pagevec, from its end unless the policy says otherwise."""
        if not (scan.policy.batch_forward and self.captures(scan)):
            pagevec.reverse()
        for pfn in pagevec:
            if self.captures(scan):
                scan.capture_list.capture_one_page(pfn)
            else:
                self.zone.free_hot_cold_page(pfn, cold=True, cpu=scan.cpu)
        pagevec.clear()

    def is_referenced(self, flags):
        """page_referenced: the page's own bit, or a young pte of a mapping."""
        return bool(flags & PageFlags.REFERENCED or (flags & PageFlags.MMAP and flags & PageFlags.YOUNG))

    def activate(self, pfn):
        """Make a page active; when swap is more than half full it gives its slot up."""
        flags = self.flags[pfn]
        exclusive = PageFlags.SWAPCACHE | PageFlags.MMAP
        if flags & (exclusive | PageFlags.PINNED) == exclusive and self.swap_free * 2 < self.swap_pages:
            self.swap_free += 1
            flags = flags & ~PageFlags.SWAPCACHE | PageFlags.DIRTY
        self.flags[pfn] = flags | PageFlags.ACTIVE

    def decide(self, scan, pfn, sync):
        """Decisions 1 to 8 on a page, then those of `take_out`."""
        flags = self.flags[pfn]
        if flags & PageFlags.LOCKED:
            return "keep"
        scan.nr_scanned += 1
        if flags & PageFlags.MLOCKED:
            return "cull"
        in_use = flags & (PageFlags.MMAP | PageFlags.SWAPCACHE)
        scan.nr_scanned += bool(in_use)
        if flags & PageFlags.WRITEBACK:
            if not (sync and self.may_enter_fs(scan, flags)):
                return "keep"
            self.end_writeback(pfn)
        referenced = self.is_referenced(flags) and scan.scan_order <= COSTLY
        self.flags[pfn] &= ~USED
        if referenced and in_use:
            return "activate"
        return self.take_out(scan, pfn, sync, referenced)

    def may_enter_fs(self, scan, flags):
        """Whether the caller may write files, or the page goes to swap and the caller may do that."""
        return bool(scan.gfp & GFP.FS or (flags & PageFlags.SWAPCACHE and scan.gfp & GFP.IO))

    def take_out(self, scan, pfn, sync, referenced):
        """Decisions 9 to 13: swap, mappings, writing."""
        flags = self.flags[pfn]
        if flags & PageFlags.ANON and not flags & PageFlags.SWAPCACHE:
            if not scan.gfp & GFP.IO:
                return "keep"
            if self.swap_free <= 0:
                return "activate"
            self.swap_free -= 1
            flags |= PageFlags.SWAPCACHE | PageFlags.DIRTY
        flags = self.flags[pfn] = flags & ~PageFlags.MMAP
        if flags & PageFlags.DIRTY:
            barred = referenced or not self.may_enter_fs(scan, flags)
            if barred or flags & PageFlags.PINNED:
                return "keep"
            self.flags[pfn] = flags & ~PageFlags.DIRTY | PageFlags.WRITEBACK | PageFlags.RECLAIM
            self.writeback.append(pfn)
            if not sync:
                return "keep"
            self.end_writeback(pfn)
        return "keep" if flags & PageFlags.PINNED else "free"
