# Arrays at the boundary: what comes in as one, and the methods that take whole arrays and streams.
#
# Short calls with an array that can be used as it is keep the GIL and ask numpy for nothing; everything else goes
# through the buffer protocol.  Arrays are checked first and then read again: so what others could write to meanwhile,
# other threads or through memory that is shared, is copied before.

from mmap import mmap

cdef enum:
    RUN_CHUNK = 1 << 20         # operations between two looks at signals
    COPY_OPS = 1 << 13          # operations copied at a time, where others may change the array
    GIL_BATCH = 1024            # shorter calls keep the GIL
    KEPT_MIN = 1 << 18          # results from here on are kept: what malloc has for them is new memory each time

cdef extern from *:
    """
    /* The public head of an ndarray: the fields that numpy's own macros read (PyArrayObject_fields), the same since
       numpy 1.0.  Stated here so that no header of numpy is needed to build; `array_layout_is_known` looks before it is
       relied on.  Flags: C_CONTIGUOUS 0x1, ALIGNED 0x100, WRITEABLE 0x400. */
    typedef struct {
        PyObject_HEAD
        char *data;
        int nd;
        Py_ssize_t *shape;
        Py_ssize_t *strides;
        PyObject *base;
        PyObject *descr;
        int flags;
    } buddycap_array;

    static inline int buddycap_is_plain(PyObject *a, PyObject *type, PyObject *dtype, int flags) {
        const buddycap_array *array = (const buddycap_array *) a;
        return (PyObject *) Py_TYPE(a) == type && array->nd == 1 && array->descr == dtype
            && (array->flags & flags) == flags;
    }
    """
    ctypedef struct buddycap_array:
        char *data
        Py_ssize_t *shape
    int buddycap_is_plain(object array, object type, object dtype, int flags)

cdef extern from *:
    """
    /* Whether this interpreter has another thread; with the GIL. */
    static int buddycap_has_threads(void) {
        PyThreadState *thread = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
        return thread != NULL && PyThreadState_Next(thread) != NULL;
    }
    """
    bint buddycap_has_threads()

cdef extern from *:
    """
    static Py_ssize_t buddycap_references(void *thing) { return Py_REFCNT((PyObject *) thing); }
    """
    Py_ssize_t buddycap_references(void *thing)

OP_DTYPE = np.dtype([("op", "u1"), ("order", "u1"), ("migratetype", "u1"), ("flags", "u1"), ("arg", "<i4"),
                     ("pfn", "<i8")])

cdef object new_array = np.empty
cdef object array_type = np.ndarray
cdef object int64_dtype = np.dtype(np.int64)
cdef object int32_dtype = np.dtype(np.int32)


cdef bint array_layout_is_known() except -1:
    """Whether arrays of this numpy look as buddycap_array says, by a look at some."""
    cdef bint ok = np.ndarray.__basicsize__ >= sizeof(buddycap_array)
    for shape, dtype, writable in (((7,), np.int64, True), ((3, 5), np.int64, True), ((7,), np.int32, True),
                                   ((7,), np.int64, False)):
        array = np.zeros(shape, dtype)
        array.flags.writeable = writable
        plain = array.ndim == 1 and dtype is np.int64
        ok = ok and buddycap_is_plain(array, np.ndarray, int64_dtype, 0x101) == plain
        ok = ok and buddycap_is_plain(array, np.ndarray, int64_dtype, 0x501) == (plain and writable)
        ok = ok and <size_t> (<buddycap_array *> <void *> array).data == <size_t> array.__array_interface__["data"][0]
        ok = ok and (not plain or (<buddycap_array *> <void *> array).shape[0] == 7)
    return ok and not buddycap_is_plain(np.zeros(9, np.int64)[::2], np.ndarray, int64_dtype, 0x101)


cdef bint layout_known = array_layout_is_known()


cdef inline int64_t *plain_int64(object array, int64_t *n) noexcept:
    """The numbers of an array that can be used as it is, and how many; NULL for everything else.

    A read-only array is not used as it is: see `steady`.
    """
    if not layout_known or not buddycap_is_plain(array, array_type, int64_dtype, 0x501):
        return NULL
    n[0] = (<buddycap_array *> <void *> array).shape[0]
    return <int64_t *> (<buddycap_array *> <void *> array).data


cdef object as_array(object values, str name):
    """An array of whatever kind; a ragged sequence is refused.

    numpy turns lists of integers on both sides of 2^63 into floating point: they are kept as the objects they are.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind == "f" and not isinstance(values, np.ndarray):
            array = np.asarray(values, dtype=object)
    except ValueError:
        raise MisuseError(f"{name}: one dimension is wanted, not a sequence of sequences") from None
    return array


cdef object memory_of(object array):
    """What the numbers of an array lie in: None if they are the array's own."""
    while True:
        if isinstance(array, np.ndarray):
            array = array.base
        elif isinstance(array, memoryview):
            array = array.obj
        else:
            return array


cdef object own_copy(object array):
    """A copy in one piece.  numpy copies records field by field, thirty times slower than the same bytes as numbers."""
    if array.dtype.names is None or array.dtype.itemsize % 8:
        return array.copy()
    return np.ascontiguousarray(array).view(np.uint64).copy().view(array.dtype)


cdef bint is_steady(object array) except -1:
    """Whether nobody changes an array in one piece during a call: neither another thread nor the call itself.

    The numbers may lie in a zone (its views are read-only) or in memory that is shared: so only what lies in an array
    of its own, in bytes or, to be read only, in a mapped file, is used as it is.
    """
    memory = memory_of(array)
    if <size_t> array.__array_interface__["data"][0] & 7:       # not where C has numbers; numpy asks less of records
        return False
    if isinstance(memory, bytes):
        return True
    return not buddycap_has_threads() and (
        memory is None or not array.flags.writeable and isinstance(memory, mmap))


cdef object steady(object array):
    """The array in one piece, or a copy if others could change it."""
    array = np.ascontiguousarray(array)
    return array if is_steady(array) else own_copy(array)


cdef object int64_array(object values, str name):
    """A contiguous one-dimensional int64 array with the exact values, without a copy where there need be none."""
    array = as_array(values, name)
    if array.dtype.kind == "O" and array.ndim == 1:
        array = np.array([as_int64(value, f"{name}[{k}]") for k, value in enumerate(array)], dtype=np.int64)
    if array.dtype.kind not in "iu":
        if array.size:
            raise TypeError(f"{name}: an array of integers is wanted, not {array.dtype}")
        array = np.zeros(array.shape, np.int64)
    if array.ndim != 1:
        raise MisuseError(f"{name}: shape {array.shape}: one dimension is wanted")
    if array.dtype == np.uint64 and array.size and int(array.max()) >> 63:
        k = int(array.argmax())
        raise MisuseError(f"{name}[{k}]={array[k]}: allowed range is 0..2^63-1")
    return steady(array.astype(np.int64, copy=False))


cdef class Buffer:
    """The bytes of a contiguous array, held until this object goes."""

    cdef Py_buffer view
    cdef bint held

    def __cinit__(self, array, bint writable=False):
        PyObject_GetBuffer(array, &self.view, PyBUF_WRITABLE if writable else PyBUF_SIMPLE)
        self.held = True

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)


cdef object result_dtype(Zone zone, object dtype):
    """The dtype that PFNs are wanted in: int64, or int32 if all of the zone's fit."""
    cdef int64_t last = zone.shape.start_pfn + zone.shape.spanned_pages - 1
    try:
        wanted = np.dtype(dtype)
    except TypeError:
        wanted = None
    if wanted == int64_dtype or wanted is not None and wanted == int32_dtype and last < <int64_t> 1 << 31:
        return wanted
    if wanted == int32_dtype:
        raise MisuseError(f"dtype={dtype}: the last page of the zone is {last}; int32 ends at {(1 << 31) - 1}")
    raise MisuseError(f"dtype={dtype}: allowed are int64 and int32")


cdef object new_result(Zone zone, int64_t n, object dtype):
    """An array for n PFNs.  The zone keeps the memory of a large one and gives it again when nobody has it any more."""
    if n < KEPT_MIN:
        return new_array(n, dtype)
    if (zone.kept is None or buddycap_references(<void *> zone.kept) > 1 or len(zone.kept) != n
            or zone.kept.dtype != dtype):
        zone.kept = new_array(n, dtype)
    return zone.kept[:]


cdef int check_out(object out, int64_t n, tuple dtypes) except -1:
    """Refuse what n results cannot be written to as they are."""
    if (not isinstance(out, np.ndarray) or out.dtype not in dtypes or out.shape != (n,)
            or not out.flags.c_contiguous or not out.flags.writeable or not out.flags.aligned):
        names = " or ".join(str(dtype) for dtype in dtypes)
        raise MisuseError(f"out: a contiguous aligned writeable array of {names} of shape ({n},) is wanted")
    return 0


cdef object alloc_to_array(Zone zone, int64_t n, int order, int mt, object out):
    """`Zone.alloc_many` for any array, without the GIL."""
    cdef zone_t *z
    cdef Buffer buffer
    cdef pfns_t pfns = pfns_t(NULL, NULL)
    check_out(out, n, (int64_dtype, int32_dtype))
    result_dtype(zone, out.dtype)
    buffer = Buffer(out, True)
    if out.dtype == int32_dtype:
        pfns.narrow = <int32_t *> buffer.view.buf
    else:
        pfns.wide = <int64_t *> buffer.view.buf
    z = zone.begin()
    with nogil:
        alloc_array(z, pfns, n, order, mt)
    zone.end()
    return out


cdef int free_array(Zone zone, object pfns, object order) except -1:
    """`Zone.free_many` for any array and orders, without the GIL."""
    cdef zone_t *z
    cdef Buffer buffer, order_buffer
    cdef const int64_t *p
    cdef const uint8_t *orders = NULL
    cdef int64_t n
    cdef int64_t k = 0
    cdef int one_order = 0
    cdef int status
    pfns = int64_array(pfns, "pfns")
    n = len(pfns)
    if not PyLong_Check(order) and as_array(order, "order").ndim:
        order = int64_array(order, "order")
        if len(order) != n:
            raise MisuseError(f"order: {len(order)} values for {n} PFNs")
        for bad in np.flatnonzero((order < 0) | (order > zone.shape.max_page_order)):
            as_ranged(order[bad], f"order[{bad}]", 0, zone.shape.max_page_order)
        order_buffer = Buffer(order.astype(np.uint8))
        orders = <const uint8_t *> order_buffer.view.buf
    else:
        one_order = <int> as_ranged(order, "order", 0, zone.shape.max_page_order)
    buffer = Buffer(steady(pfns))                   # last: there may be more threads than there were
    p = <const int64_t *> buffer.view.buf
    z = zone.begin()
    with nogil:
        status = free_many(z, p, n, orders, one_order, &k)
    zone.end()
    if status != ST_OK:
        refuse(zone.ready(), status, f"pfns[{k}]", p[k], one_order if orders == NULL else orders[k])
    return 0


cdef int refuse_page(Zone zone, int status, str where, int64_t pfn, int64_t order) except -1:
    """`refuse`, after other things have been looked at."""
    return refuse(zone.ready(), status, where, pfn, order)


cdef int refuse_op(Zone zone, int status, object ops, object results, int64_t k) except -1:
    """Raise the exception for operation k of a stream."""
    one = ops[k]
    arg = int(one["arg"])
    if status == ST_OP_UNKNOWN:
        raise MisuseError(f"ops[{k}]: op={one['op']}: allowed are 1 (allocate), 2 (free), 3 (split), "
                          "4 (free a part) and 5 (allocate there)")
    if status == ST_OP_ARG:
        raise MisuseError(f"ops[{k}]: op={one['op']}, arg={arg}: allowed are -1 and the index of an allocation before "
                          "this operation" + (" that has such a part" if one["op"] == OP_FREE_PART else ""))
    if status == ST_TYPE_RANGE:
        raise MisuseError(f"ops[{k}]: migratetype={one['migratetype']}: allowed range is 0..{<int> MT_MOVABLE}")
    pfn, order = one["pfn"], one["order"]
    if one["op"] == OP_FREE_PART and arg >= 0:
        pfn += results[arg]
    elif one["op"] in (OP_FREE, OP_SPLIT) and arg >= 0:
        pfn, order = results[arg], ops[arg]["order"]
    refuse_page(zone, status, f"ops[{k}]: pfn", pfn, order)


cdef int run_copied(zone_t *z, const op_t *ops, op_t *own, int64_t stop, int64_t *results,
                    int64_t *done) noexcept nogil:
    """`run_ops` of operations that others may change: a few are copied, and performed from the copy, then the next."""
    cdef int64_t end
    cdef int status = ST_OK
    while status == ST_OK and done[0] < stop:
        end = min(stop, done[0] + COPY_OPS)
        memcpy(own, ops + done[0], (end - done[0]) * sizeof(op_t))
        status = run_ops(z, own - done[0], done[0], end, results, done)
    return status


cdef object stream_results(Zone zone, object ops, object out):
    """Where a stream keeps its results: in `out` if nobody else can write there meanwhile."""
    if out is None:
        return new_result(zone, len(ops), int64_dtype)
    check_out(out, len(ops), (int64_dtype,))
    if np.may_share_memory(out, ops):
        raise MisuseError("out: it lies in the memory of ops")
    return out if is_steady(out) else new_array(len(ops), int64_dtype)


cdef object run_array(Zone zone, object ops, object out):
    """`Zone.run`, without the GIL."""
    cdef zone_t *z
    cdef int64_t n, done = 0
    cdef int status = ST_OK
    cdef bint shared = False
    ops = np.ascontiguousarray(ops)
    if ops.dtype != OP_DTYPE or ops.ndim != 1:
        raise MisuseError(f"ops: dtype {ops.dtype}, shape {ops.shape}: one dimension of OP_DTYPE is wanted")
    if len(ops) >= 1 << 31:
        raise MisuseError(f"ops: {len(ops)} operations: at most 2^31 - 1 in one call")
    results = stream_results(zone, ops, out)
    cdef Buffer written = Buffer(results, True)
    cdef Buffer stream = Buffer(ops)
    cdef Buffer own = None
    cdef int64_t *numbers = <int64_t *> written.view.buf
    cdef const op_t *p = <const op_t *> stream.view.buf
    n = len(ops)
    try:
        while done < n and status == ST_OK:
            shared = not is_steady(ops)             # asked again: signal handlers may have started threads
            if shared and own is None:
                copied = np.empty(min(n, COPY_OPS), OP_DTYPE)
                own = Buffer(copied, True)
            z = zone.begin()
            with nogil:
                status = (run_copied(z, p, <op_t *> own.view.buf, min(n, done + RUN_CHUNK), numbers, &done) if shared
                          else run_ops(z, p, done, min(n, done + RUN_CHUNK), numbers, &done))
            zone.end()
            PyErr_CheckSignals()
    finally:                                        # the results of an interrupted stream can be read, too
        with nogil:
            finish_results(numbers, done)
        if out is not None and out is not results:
            out[:done] = results[:done]
    if status != ST_OK:
        ops = own_copy(ops)
        if shared:
            ops[done] = copied[done % COPY_OPS]     # every copy begins at a multiple
        refuse_op(zone, status, ops, results, done)
    return results if out is None else out


cdef object cookie_array(object cookies, int64_t n):
    """n exact 64-bit cookies, from an array or from one for all."""
    array = as_array(cookies, "cookies")
    if array.ndim == 0:
        return np.full(n, as_uint64(cookies, "cookie"), dtype=np.uint64)
    if array.shape != (n,):
        raise MisuseError(f"cookies: shape {array.shape}: one for each of {n} blocks is wanted")
    if array.dtype != np.uint64:
        array = np.array([as_uint64(cookie, "cookie") for cookie in array], dtype=np.uint64)
    return steady(array)


cdef uint8_t kind_of_word(uint64_t word, const uint64_t *masks, const uint8_t *kinds, int64_t n) noexcept nogil:
    """The kind of the last mask all of whose bits a word has."""
    cdef int64_t k
    for k in range(n - 1, 0, -1):
        if word & masks[k] == masks[k]:
            return kinds[k]
    return kinds[0]


def kinds_of_words(words, masks, kinds):
    """What words of bits are: of the kind of the last mask all of whose bits they have, or else of the first kind.

    Parameters
    ----------
    words : ndarray[uint64], shape (n,)
    masks : sequence of int
    kinds : sequence of int, 0..255
        As many.

    Returns
    -------
    ndarray[uint8], shape (n,)

    Examples
    --------
    >>> kinds_of_words(np.array([0, 1, 2, 3, 7], np.uint64), [0, 1, 3], [9, 4, 5]).tolist()
    [9, 4, 9, 5, 5]
    """
    cdef const uint64_t[::1] word = np.ascontiguousarray(words, np.uint64)
    cdef const uint64_t[::1] mask = np.array(masks, np.uint64)
    cdef const uint8_t[::1] kind = np.array(kinds, np.uint8)
    cdef uint8_t[::1] out
    cdef int64_t n = word.shape[0]
    cdef int64_t k
    if mask.shape[0] == 0 or mask.shape[0] != kind.shape[0]:
        raise MisuseError(f"masks: {mask.shape[0]} for {kind.shape[0]} kinds: as many are wanted, at least one")
    found = np.empty(n, np.uint8)
    out = found
    with nogil:
        for k in range(n):
            if k and word[k] == word[k - 1]:            # neighbours are alike more often than not
                out[k] = out[k - 1]
            else:
                out[k] = kind_of_word(word[k], &mask[0], &kind[0], mask.shape[0])
    return found
