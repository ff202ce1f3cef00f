# What this module was built with, as the compiler saw it.

cdef extern from *:
    """
    #if defined(__clang__)
    #define BUDDYCAP_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define BUDDYCAP_COMPILER "gcc " __VERSION__
    #else
    #define BUDDYCAP_COMPILER "unknown"
    #endif
    #if !defined(BUDDYCAP_FLAGS)
    #define BUDDYCAP_FLAGS "unknown"
    #endif
    #if defined(__OPTIMIZE__)
    #define BUDDYCAP_OPTIMIZED 1
    #else
    #define BUDDYCAP_OPTIMIZED 0
    #endif
    """
    const char *BUDDYCAP_COMPILER
    const char *BUDDYCAP_FLAGS
    unsigned int CYTHON_HEX_VERSION
    bint BUDDYCAP_OPTIMIZED


def build_facts():
    """What the module was built with.

    Returns
    -------
    dict
        compiler (name and version), flags (as setup.py gave them), optimized (whether the compiler optimized), cython.

    Examples
    --------
    >>> sorted(build_facts())
    ['compiler', 'cython', 'flags', 'optimized']
    """
    cython = ".".join(str(CYTHON_HEX_VERSION >> shift & 0xFF) for shift in (24, 16, 8))
    return {"compiler": BUDDYCAP_COMPILER.decode(), "flags": BUDDYCAP_FLAGS.decode(),
            "optimized": BUDDYCAP_OPTIMIZED, "cython": cython}
