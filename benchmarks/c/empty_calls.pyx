"""The floor of a call from Python: methods that take and return what Zone's do, and do nothing."""


cdef class EmptyZone:
    cdef long long pfn

    def __cinit__(self):
        self.pfn = 123456

    def rmqueue(self, int order, int migratetype):
        return self.pfn

    def free_one_page(self, long long pfn, int order):
        pass
