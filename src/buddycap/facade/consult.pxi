# The hook of a policy: a Python function that is shown a capture list and says what is to be done with it.

cimport cython

from buddycap.errors import PolicyError

cdef dict ANSWERS = {None: ANSWER_CONSULT, "consult": ANSWER_CONSULT, "return": ANSWER_RETURN, "keep": ANSWER_KEEP}


@cython.final
cdef class Consultation:
    """Consultation()
--

    A capture list at the moment when it is consulted, as a policy's hook sees it.

    Attributes
    ----------
    order : int
        Order of the request.
    blocks : ndarray
        The captured blocks, newest first: structured array (pfn i8, order u1).
    sated : bool
        The list waits for nothing more: it was released early, or the block on it is held.
    number : int
        Consultations that this request has seen before.
    place : int
        Position of the zone among the machine's zones, lowest first.
    free_pages, pages_min : int, pages
        Of the zone; captured pages are not free.
    priority : int, 0..12
        Of the reclaim that is under way.
    reclaimed : int, pages
        By it, from this zone, at this priority.
    own, merged, foreign : int, pages
        Put on the list by its owner, free before, and freed by others, since the list was opened.
    """

    cdef readonly int order, place, priority
    cdef readonly bint sated
    cdef readonly int64_t number, free_pages, pages_min, reclaimed, own, merged, foreign
    cdef readonly object blocks

    @cython.embedsignature(False)       # it stands above
    def __init__(self):
        raise TypeError("a Consultation is made for a policy's hook")

    def __repr__(self):
        return f"<Consultation {self.number} for order {self.order}: {len(self.blocks)} blocks>"


cdef Consultation make_consultation(machine_t *m, request_t *r, Zone zone):
    cdef Consultation result = Consultation.__new__(Consultation)
    cdef zone_t *z = zone.ready()
    cdef scan_t *sc = &r.scan
    cdef int32_t head = slot_list(z, sc.capture_slot)
    cdef slot_t slot = zone_slot(z, sc.capture_slot)[0]
    result.order = sc.order
    result.place = m.nr_zones - 1 - sc.zone
    result.priority = sc.priority
    result.sated = capture_sated(z, sc.capture_slot)
    result.number = sc.consults
    result.free_pages = z.nr_free_pages
    result.pages_min = z.pages_min
    result.reclaimed = sc.nr_reclaimed
    result.own = slot.own
    result.merged = slot.merged
    result.foreign = slot.foreign
    result.blocks = list_tagged(zone, head, "order", None)
    return result


cdef int ask_hook(object hook, machine_t *m, request_t *r, object zone) except -1:
    """What the hook says: a word, or the PFN of the block to be taken.  `m` and `r` are under the zone's guard."""
    cdef const shape_t *shape = &(<Zone> zone).shape
    cdef int64_t pfn
    cdef int found = 0
    answer = hook(make_consultation(m, r, zone))
    if answer is None or isinstance(answer, str):
        if answer not in ANSWERS:
            raise PolicyError(f"hook: {answer!r}: allowed are 'consult', 'return', 'keep', None and a PFN")
        return ANSWERS[answer]
    try:
        pfn = as_int64(answer, "hook: pfn")
    except (TypeError, MisuseError):
        raise PolicyError(f"hook: {answer!r}: 'consult', 'return', 'keep', None or a PFN is wanted") from None
    if shape.start_pfn <= pfn < shape.start_pfn + shape.spanned_pages:
        (<Zone> zone).ready()
        found = capture_prefer(m, r, <int32_t> (pfn - shape.base_pfn))
    if not found:
        raise PolicyError(f"hook: pfn={pfn}: not a block of order {r.order} or more on the capture list")
    return ANSWER_CONSULT
