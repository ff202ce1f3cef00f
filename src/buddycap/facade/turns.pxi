# One caller at a time: the only lock there is, of zones, followers and scanners alike.
#
# The rule.  Memory that threads share is reached only through the address that a guard gives (`ready`, `begin` and what
# is built of them), and that address is good until the next foreign code.  Foreign code is everything that may run
# Python or let go of the GIL: the conversion of an argument (__index__), the length of a sequence, a hook, a signal
# handler, numpy, and the making or dropping of any object, which may run finalizers.  So a method converts its
# arguments and makes room for its result; then it asks for the address, and from there on calls nothing but C until it
# is done with it.  Who must let others in asks anew, and looks again at what he had seen.  A test of the sources holds
# this.

cimport cython
from cpython.pythread cimport (PyThread_acquire_lock, PyThread_allocate_lock, PyThread_free_lock,
                               PyThread_get_thread_ident, PyThread_release_lock, PyThread_type_lock, WAIT_LOCK)

cdef extern from *:
    """
    /* How often this process has been forked off, and the one thread that came over the last time. */
    static unsigned long buddycap_forks = 0;
    static unsigned long buddycap_survivor = 0;
    #if defined(_WIN32)
    static int buddycap_watch_forks(void) { return 0; }
    #else
    #include <pthread.h>
    static void buddycap_forked(void) {
        buddycap_forks++;
        buddycap_survivor = PyThread_get_thread_ident();
    }
    static int buddycap_watch_forks(void) { return pthread_atfork(NULL, NULL, buddycap_forked); }
    #endif
    """
    unsigned long buddycap_forks
    unsigned long buddycap_survivor
    int buddycap_watch_forks()

if buddycap_watch_forks():
    raise MemoryError("no memory to watch forks")


cdef class Guard:
    """Lets one caller at a time at the memory of the object that this is the base of."""

    # All of this is done with the GIL.  `turn` is always held but for the moment in which `end` hands the memory to one
    # of those who wait: so a caller in a loop cannot keep the others away.

    cdef PyThread_type_lock turn
    cdef bint busy
    cdef bint running                   # in a call; busy without it: handed to one who has not woken up yet
    cdef int waiting
    cdef unsigned long holder           # thread that keeps it over many calls (`Zone.lock`), or 0
    cdef unsigned long forks            # of this process, when it was last taken

    def __cinit__(self):
        self.turn = PyThread_allocate_lock()
        if self.turn == NULL:
            raise MemoryError("no lock")
        PyThread_acquire_lock(self.turn, WAIT_LOCK)

    def __dealloc__(self):
        if self.turn != NULL:
            PyThread_free_lock(self.turn)

    cdef int take(self) except -1:
        """Take the memory for a call without the GIL, once nobody else has it; `end` must follow."""
        if self.busy and self.forks != buddycap_forks:
            self.forget_parent()
        if self.busy:
            if self.is_held():
                raise MisuseError("the zone is held by this thread: leave `with zone.lock` first")
            self.waiting += 1
            with nogil:
                PyThread_acquire_lock(self.turn, WAIT_LOCK)
        self.busy = self.running = True
        self.forks = buddycap_forks
        return 0

    cdef int wait(self) except -1:
        """Wait until nobody is in a call without the GIL.  Whoever gets it next must have the GIL first."""
        self.take()
        self.end()
        return 0

    cdef void end(self) noexcept:
        self.running = False
        if self.forks != buddycap_forks:
            self.waiting = 0
        if self.waiting:
            self.waiting -= 1
            PyThread_release_lock(self.turn)
        else:
            self.busy = False

    cdef inline bint is_held(self) noexcept:
        """Whether this thread keeps it: then nobody else works on it."""
        return self.holder != 0 and self.holder == PyThread_get_thread_ident()

    cdef int forget_parent(self) except -1:
        """In a child process: those who waited have stayed behind, and so may have one in the middle of its work."""
        if self.running and (self.holder == 0 or self.holder != buddycap_survivor):
            raise MisuseError("another thread was working on this when the process was forked: in the child it is "
                              "left half done and of no use")
        self.waiting = 0
        self.busy = self.running
        self.forks = buddycap_forks
        return 0
