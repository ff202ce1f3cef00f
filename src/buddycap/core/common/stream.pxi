# What the streams of every kernel share: how results are tagged, and what is asked for ahead of time.
#
# What a stream will free soon is known, so its cache lines are asked for ahead of time, in two steps: the result of the
# earlier allocation, then what its free will touch.  In a zone larger than the caches that is worth more than anything
# else.  For the same reason a free looks at one random place to learn all about that allocation: while a stream runs,
# each result carries a tag in its upper bits, which `finish_results` takes off.

cdef enum:
    PREFETCH_OPS = 12           # how many operations ahead a free's page is asked for
    PREFETCH_RESULTS = 24       # and the result that names it
    TAG_SHIFT = 56              # tag of a result: 0 of a free, order + 1 of an allocation, failed or not


cdef inline int64_t tagged(int64_t pfn, int tag) noexcept nogil:
    return <int64_t> ((<uint64_t> pfn & ((<uint64_t> 1 << TAG_SHIFT) - 1)) | (<uint64_t> tag << TAG_SHIFT))


cdef inline int result_tag(int64_t result) noexcept nogil:
    return <int> (<uint64_t> result >> TAG_SHIFT)


cdef inline int64_t result_pfn(int64_t result) noexcept nogil:
    return <int64_t> (<uint64_t> result << (64 - TAG_SHIFT)) >> (64 - TAG_SHIFT)


cdef inline void prefetch_result(const op_t *op, const int64_t *results) noexcept nogil:
    """Ask for the result that an operation names; an address before the first one costs nothing."""
    buddycap_prefetch(results + op.arg)


cdef inline void prefetch_page(zone_t *z, const op_t *op, const int64_t *results, int64_t now) noexcept nogil:
    """Ask for what an operation will touch, if it frees a block that is known at operation `now`.

    Without a branch, for nobody can predict which operations are frees: the others ask for page 0.  Hence the masks,
    all ones or 0; of a choice between two values gcc would make a branch.
    """
    cdef int64_t arg = op.arg
    cdef int64_t known = -<int64_t> (<uint64_t> arg < <uint64_t> now)
    cdef int64_t pfn = (result_pfn(results[arg & known]) & known) | (op.pfn & ~known)
    cdef uint64_t i = <uint64_t> pfn - <uint64_t> z.base_pfn
    i &= <uint64_t> -<int64_t> (i < <uint64_t> z.nr_index)
    buddycap_prefetch(order_array(z) + i)
    buddycap_prefetch(link_array(z) + i)


cdef int named_block(const op_t *op, int64_t k, const int64_t *results, int64_t *pfn, int *order) noexcept nogil:
    """The block that operation k names, or the part of one: by its place, or by the allocation that `arg` is.

    A part is 2^op.order pages from page op.pfn of the block on.  `pfn` is NO_PAGE if that allocation failed.
    """
    cdef int64_t arg = op.arg
    pfn[0] = op.pfn
    order[0] = op.order
    if arg == -1:
        return ST_OK
    if arg < -1 or arg >= k or result_tag(results[arg]) == 0:
        return ST_OP_ARG
    pfn[0] = result_pfn(results[arg])
    if op.op != OP_FREE_PART:
        order[0] = result_tag(results[arg]) - 1
        return ST_OK
    if order[0] > result_tag(results[arg]) - 1 or not (
            0 <= op.pfn <= (<int64_t> 1 << (result_tag(results[arg]) - 1)) - (<int64_t> 1 << order[0])):
        return ST_OP_ARG
    if pfn[0] != NO_PAGE:
        pfn[0] += op.pfn
    return ST_OK


cdef void finish_results(int64_t *results, int64_t done) noexcept nogil:
    """Make plain PFNs of the results of the operations that have been performed."""
    cdef int64_t k
    for k in range(done):
        results[k] = result_pfn(results[k])
