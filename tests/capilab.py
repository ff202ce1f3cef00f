"""C's side of the boundary: the functions through ctypes, and zones and machines in memory of one's own."""

import ctypes
import re

from buddycap import Zone
from buddycap.header import declarations, structures

C = Zone(0, 1).ctypes
S = structures()
STATUS = {name: int(number) for name, number in re.findall(r"(BC_E\w+|BC_OK) = (-\d+|0)", declarations())}
PAGES = 4096
KEPT = []  # zones and machines: a machine points to its zones


def memory(n, fill=0):
    """Aligned memory of n bytes."""
    block = (ctypes.c_uint64 * (n // 8 + 1))()
    ctypes.memset(block, fill, ctypes.sizeof(block))
    return block


def made(name, **fields):
    """A struct with fields."""
    return S[name](**fields)


def config(pages=PAGES, **fields):
    """A configuration with its defaults."""
    result = S["bc_config"]()
    assert C.config_init(ctypes.byref(result), ctypes.sizeof(result), 0, pages) == 0
    for name, value in fields.items():
        setattr(result, name, value)
    return result


def zone(pages=PAGES, **fields):
    """A zone in memory that is not zero."""
    wanted = config(pages, **fields)
    block = memory(C.zone_bytes(ctypes.byref(wanted)), 0xA5)
    assert C.zone_init(block, ctypes.sizeof(block), ctypes.byref(wanted)) == 0
    KEPT.append(block)
    return block


def modern(pages=PAGES, start=0, kernel="6.1", **fields):
    """A zone of 6.1 or 6.12 in C's memory."""
    wanted = S["bc_config"]()
    number = {"6.1": 1, "6.12": 2}[kernel]
    assert C.config_init_for(ctypes.byref(wanted), ctypes.sizeof(wanted), number, start, pages) == 0
    for name, value in fields.items():
        setattr(wanted, name, value)
    block = memory(C.zone_bytes(ctypes.byref(wanted)), 0xA5)
    assert C.zone_init(block, ctypes.sizeof(block), ctypes.byref(wanted)) == 0
    KEPT.append(block)
    return block


def machine(*zones, **fields):
    """A machine on zones."""
    wanted = S["bc_machine_config"]()
    assert C.machine_config_init(ctypes.byref(wanted), ctypes.sizeof(wanted)) == 0
    for name, value in fields.items():
        setattr(wanted, name, value)
    block = memory(C.machine_bytes(), 0xA5)
    assert C.machine_init(block, ctypes.sizeof(block), ctypes.byref(wanted)) == 0
    for one in zones:
        assert C.machine_attach(block, one) == 0
    return block


def digest(block):
    """The digest as Zone.digest() writes it."""
    words = (ctypes.c_uint64 * 2)()
    assert C.digest(block, words) == 0
    return f"{words[0]:016x}{words[1]:016x}"
