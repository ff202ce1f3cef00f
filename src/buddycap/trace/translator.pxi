# Addresses translated for Python: check, call, result.

from libc.stdlib cimport calloc, free

TEXT_GROWTH = MOST_GROWTH       # room that the translation of a text needs, by byte


cdef class TranslatorMemory(Guard):
    """The memory of a `Translator`, whose base this is."""

    cdef mapping_t guarded

    def __dealloc__(self):
        free(self.guarded.table)
        free(self.guarded.used)

    cdef mapping_t *ready(self) except NULL:
        """The memory, once no other thread works on it; good until the next foreign code."""
        if self.busy:
            self.wait()
        return &self.guarded

    cdef mapping_t *begin(self) except NULL:
        """The memory for work without the GIL; `end` must follow."""
        self.take()
        return &self.guarded


cdef class Translator(TranslatorMemory):
    """Gives virtual pages frames, and addresses their physical ones.

    Parameters
    ----------
    frames : ndarray[int64], shape (n,)
        Frames to be handed out, in this order; read for as long as the object lives.
    shift : int, -1..n - 1
        By number: page p gets frame (p + shift) modulo n, or the next that is free.  -1: at first touch, one by one.
    page_bits : int, 6..30

    Notes
    -----
    75 bytes of memory a frame at most, and not more however long the trace is.  Does one thing at a time: other threads
    wait.
    """

    cdef const int64_t[::1] frames

    def __cinit__(self, frames, int64_t shift=-1, int page_bits=12):
        cdef const int64_t[::1] given = np.array(frames, dtype=np.int64)
        cdef uint64_t places = 16
        if not -1 <= shift < max(given.shape[0], 1):
            raise MisuseError(f"shift={shift}: allowed range is -1..{given.shape[0] - 1}")
        if not 6 <= page_bits <= 30:
            raise MisuseError(f"page_bits={page_bits}: allowed range is 6..30")
        while places < 2 * <uint64_t> given.shape[0]:
            places *= 2
        self.frames = given
        self.guarded.nr_frames = given.shape[0]
        self.guarded.frames = &given[0] if given.shape[0] else NULL
        self.guarded.mask = places - 1
        self.guarded.shift = shift
        self.guarded.page_bits = page_bits
        self.guarded.table = <mapped_t *> calloc(places, sizeof(mapped_t))
        self.guarded.used = <uint8_t *> calloc(given.shape[0] + 1, 1)
        if self.guarded.table == NULL or self.guarded.used == NULL:
            raise MemoryError(f"no memory for {places} pages")

    def translate(self, const uint64_t[::1] addresses, uint64_t[::1] out):
        """Translate addresses; how many were, before memory was full.

        Parameters
        ----------
        addresses : ndarray[uint64], shape (n,)
        out : ndarray[uint64], shape (n,)
            May be the same array.
        """
        cdef mapping_t *m
        cdef int64_t n = addresses.shape[0]
        if out.shape[0] != n:
            raise MisuseError(f"out has {out.shape[0]} places: {n} are wanted")
        if n == 0:
            return 0
        m = self.begin()
        with nogil:
            n = translate_words(m, &addresses[0], &out[0], n)
        self.end()
        return n

    def translate_text(self, const uint8_t[::1] data, int64_t start, columns, uint8_t[::1] out):
        """Translate the addresses in some columns of lines, up to the last line end.

        Parameters
        ----------
        data : bytes-like
        start : int
        columns : sequence of int, 1..64
        out : writable bytes-like
            With room for 22 bytes for each byte of `data`.

        Returns
        -------
        tuple of int
            Why it ended (0 all is done, 1 memory is full, 2 a line has no address where one is wanted); bytes of `data`
            that are done with, counted from its beginning; bytes written; lines read.
        """
        cdef mapping_t *m
        cdef text_t at
        cdef text_t end
        cdef uint8_t *to
        cdef uint64_t wanted = 0
        cdef int64_t lines = 0
        cdef int status
        for column in columns:
            if not 1 <= column <= 64:
                raise MisuseError(f"column={column}: allowed range is 1..64")
            wanted |= <uint64_t> 1 << (column - 1)
        if not 0 <= start <= data.shape[0]:
            raise MisuseError(f"start={start}: allowed range is 0..{data.shape[0]}")
        if out.shape[0] < MOST_GROWTH * (data.shape[0] - start):
            raise MisuseError(f"out has {out.shape[0]} bytes: {MOST_GROWTH * (data.shape[0] - start)} are wanted")
        if start == data.shape[0]:
            return 0, start, 0, 0
        at = &data[0] + start
        end = &data[0] + data.shape[0]
        to = &out[0]
        m = self.begin()
        with nogil:
            status = translate_lines(m, &at, end, wanted, &to, &lines)
        self.end()
        return status, at - &data[0], to - &out[0], lines

    @property
    def mapped(self):
        """Pages that have a frame."""
        return self.ready().nr_mapped

    @property
    def displaced(self):
        """By number: pages whose frame another page had, so that the order of touches has decided."""
        return self.ready().displaced
