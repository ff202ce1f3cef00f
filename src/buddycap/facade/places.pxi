# Blocks at places that the caller names, and any number of pages: `Zone.alloc_at`, `Zone.free_range` and their like.


@cython.no_gc_clear
cdef class PlacedZone(ModernZone):
    """What a `Zone` can do with pages that are named by where they are."""

    def alloc_at(self, pfn, order=0):
        """Take this block if it is free: the free block that it is a part of is split around it.

        Parameters
        ----------
        pfn : int, aligned to the order
        order : int, 0..max_page_order

        Returns
        -------
        int or None
            `pfn`; None if not all of the block is in one free block, or its pageblock is isolated. Pages on per-CPU
            and capture lists are not free.

        Raises
        ------
        MisuseError
            If there is no such block in the zone.

        Notes
        -----
        O(max_page_order).  What is left goes to the heads of the free lists of the pageblock's type, the largest piece
        first.  Linux: take_page_off_buddy and break_down_buddy_pages (6.1), for single pages; 2.6.27 has neither.

        Examples
        --------
        >>> zone = Zone(0, 64, min_free_kbytes=0)
        >>> zone.alloc_at(40, 3), zone.alloc_at(47), zone.nr_free_pages
        (40, None, 56)
        """
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef int o = <int> as_ranged(order, "order", 0, self.shape.max_page_order)
        cdef zone_t *z = self.ready()
        cdef int status = place_status(z, block, o)
        if status != ST_OK:
            refuse(z, status, "pfn", block, o)
        return block if alloc_at(z, <int32_t> (block - z.base_pfn), o) else None

    def free_range(self, pfn, pages):
        """Free pages pfn .. pfn + pages - 1, all or none: blocks of whatever orders, and parts of blocks.

        Parameters
        ----------
        pfn : int
        pages : int
            Holes of the zone count, and are stepped over.

        Raises
        ------
        MisuseError
            If one of the pages is not allocated, or all of them are a hole.

        Notes
        -----
        O(pages).  A block that sticks out is split into single pages first, and those outside stay allocated.  In 6.1
        a compound block cannot be split, and everything goes straight to the free lists.  Linux: free_pages_exact,
        split_page.

        Examples
        --------
        >>> zone = Zone(0, 64, min_free_kbytes=0)
        >>> zone.free_range(zone.rmqueue(4, 2) + 3, 9)
        >>> zone.nr_free_pages
        57
        """
        cdef int64_t first = as_int64(pfn, "pfn")
        cdef int64_t wanted = as_ranged(pages, "pages", 1, <int64_t> 1 << 31)
        cdef zone_t *z = self.ready()
        cdef int status = zone_range_status(z, first, wanted)
        if status != ST_OK:
            raise MisuseError(f"pfn={first}, pages={wanted}: {status_message(status)} (the zone is {z.start_pfn}.."
                              f"{z.start_pfn + z.spanned_pages - 1})")
        free_range(z, <int32_t> (first - z.base_pfn), wanted)

    def alloc_pages_exact(self, pages, migratetype=2):
        """Allocate contiguous pages, of any number: a block of the next power of two, whose tail is freed again.

        Parameters
        ----------
        pages : int, 1..2^max_page_order
        migratetype : int, 0..2

        Returns
        -------
        int or None
            First PFN.  From then on these are single pages.

        Notes
        -----
        O(pages).  Linux: alloc_pages_exact (2.6.27), the tail straight to the free lists.

        Examples
        --------
        >>> zone = Zone(0, 64, min_free_kbytes=0)
        >>> zone.alloc_pages_exact(5), zone.nr_free_pages
        (0, 59)
        >>> zone.free_pages_exact(0, 5)
        """
        cdef int64_t wanted = as_ranged(pages, "pages", 1, <int64_t> 1 << self.shape.max_page_order)
        cdef int mt = <int> as_ranged(migratetype, "migratetype", 0, MT_MOVABLE)
        cdef zone_t *z = self.classic()
        cdef int32_t i = alloc_pages_exact(z, wanted, mt)
        return None if i == NO_PAGE else z.base_pfn + i

    def free_pages_exact(self, pfn, pages):
        """`free_range` of a zone of 2.6.27, by the kernel's name."""
        self.classic()
        self.free_range(pfn, pages)

    def free_at(self, pfn):
        """Free the allocated block that holds a page, whatever its order; returns that."""
        cdef int64_t page = as_int64(pfn, "pfn")
        cdef zone_t *z = self.classic()
        cdef int order = 0
        cdef int status = ST_PFN_RANGE
        cdef int32_t head
        if z.start_pfn <= page < z.start_pfn + z.spanned_pages:
            head = block_head(z, <int32_t> (page - z.base_pfn))
            order = order_array(z)[head] & 0x0F
            status = used_head_status(z, head)
        if status != ST_OK:
            refuse(z, status, "pfn", page, order)
        free_pages_ok(z, head, order)
        return order
