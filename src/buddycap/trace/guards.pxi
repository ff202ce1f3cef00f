# The only way to the memory of a follower and of a scanner: see facade/turns.pxi.


cdef class FollowerMemory(Guard):
    """The memory of a `Follower`, whose base this is."""

    cdef follow_t guarded

    def __dealloc__(self):
        frames_free(&self.guarded.frames)

    cdef follow_t *ready(self) except NULL:
        """The memory, once no other thread works on it; good until the next foreign code."""
        if self.busy:
            self.wait()
        return &self.guarded

    cdef follow_t *begin(self) except NULL:
        """The memory for work without the GIL; `end` must follow."""
        self.take()
        return &self.guarded


cdef class ScannerMemory(Guard):
    """The memory of a `Scanner`, whose base this is."""

    cdef scanner_t guarded

    cdef scanner_t *ready(self) except NULL:
        """The memory, once no other thread works on it; good until the next foreign code."""
        if self.busy:
            self.wait()
        return &self.guarded

    cdef scanner_t *begin(self) except NULL:
        """The memory for work without the GIL; `end` must follow."""
        self.take()
        return &self.guarded
