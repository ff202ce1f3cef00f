# The C interface as Python objects: the table in a capsule, and the views that ctypes, cffi and numba want.

from cpython.pycapsule cimport PyCapsule_New

_C_API = PyCapsule_New(<void *> bc_get_api(), "buddycap._core._C_API", NULL)


def c_api_address():
    """Address of the table of C functions (`bc_api` in buddycap.h).

    Returns
    -------
    int

    Notes
    -----
    For programs that take integers, such as a simulator configured from Python. `_C_API` is the same as a capsule.

    Examples
    --------
    >>> c_api_address() != 0
    True
    """
    return <size_t> bc_get_api()
