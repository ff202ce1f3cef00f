"""Call stacks: which function of a stack asked for memory, and stacks in the form that flame-graph tools read."""

import re
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["caller_of", "collapsed", "frame_of", "is_plumbing", "plain_name"]

# What stands between the one who asks and the allocator: names, and beginnings of names.
_PLUMBING = {
    *("post_alloc_hook", "prep_new_page", "get_page_from_freelist", "alloc_slab_page", "allocate_slab", "new_slab"),
    *("___slab_alloc", "__slab_alloc", "__get_free_pages", "get_zeroed_page", "pte_alloc_one", "__pte_alloc_one"),
    *("rmqueue", "rmqueue_bulk", "set_page_owner", "__set_page_owner", "save_stack", "register_early_stack"),
    *("__dump_page_owner", "alloc_frozen_pages", "new_slab_objects", "slab_alloc_node", "slab_alloc", "cache_grow"),
    *("kmem_getpages", "fallback_alloc", "cache_alloc_refill", "____cache_alloc_node", "vmalloc", "kvmalloc_node"),
    *("dump_stack", "dump_stack_lvl", "__dump_stack", "show_stack", "dump_backtrace", "unwind_backtrace"),
    *("warn_alloc", "warn_alloc_failed", "alloc_page_interleave", "alloc_page_vma", "alloc_page"),
    *("dump_header", "oom_kill_process", "out_of_memory", "__out_of_memory", "pagefault_out_of_memory"),
    *("mem_cgroup_out_of_memory", "mem_cgroup_oom_synchronize", "mem_cgroup_oom", "try_charge", "try_charge_memcg"),
    *("dma_generic_alloc_coherent", "dma_alloc_attrs", "dma_direct_alloc", "dma_direct_alloc_pages"),
    *("__dma_alloc_pages", "__dma_direct_alloc_pages", "dma_alloc_coherent", "dma_common_contiguous_remap"),
}
_PLUMBING_BEGINS = (
    *("__alloc_pages", "alloc_pages", "kmem_cache_alloc", "__kmem_cache_alloc", "__kmalloc", "kmalloc_", "alloc_skb"),
    *(
        "__alloc_skb",
        "folio_alloc",
        "__folio_alloc",
        "vma_alloc_folio",
        "___kmalloc",
        "__vmalloc",
        "__kvmalloc",
        "kvmalloc",
        "kzalloc",
    ),
    *("__do_kmalloc", "alloc_frozen_pages", "__alloc_frozen_pages", "mem_alloc_profiling"),
)
_SUFFIX = re.compile(r"(?:\.(?:constprop|isra|part|cold|llvm)(?:\.\d+)*|\.\d+)+$")
_FRAME = re.compile(
    r"(?:=> ?)?(?:\[<?[0-9a-fx]+>?\] )?(?:(?P<address>[0-9a-f]{6,16}) )?(?P<doubtful>\? )?"
    r"(?P<name>[A-Za-z_.$<\[][^\s+]{0,200})(?:\+(?:0x[0-9a-f]+(?:/0x[0-9a-f]+)?|\d+))?(?:\s.*)?"
)


def plain_name(name: str) -> str:
    """Return the name of a function without what compilers add.

    Examples
    --------
    >>> plain_name("__alloc_pages_slowpath.constprop.0+0xd00/0xde0")
    '__alloc_pages_slowpath'
    """
    return _SUFFIX.sub("", name.split("+", 1)[0]).removesuffix("_noprof")


def frame_of(line: str) -> str | None:
    """Return the function that a line of a stack names; None if it names none, or is doubtful (`?`).

    Examples
    --------
    >>> frame_of(" => kmalloc_large_node+0x60/0x8d <ffffffff812101c3>")
    'kmalloc_large_node'
    >>> frame_of("        ffffffffbe2383bd alloc_slab_page+0xd ([kernel.kallsyms])"), frame_of(" caller_0+0x10/0x20")
    ('alloc_slab_page', 'caller_0')
    """
    match = _FRAME.fullmatch(line.strip())
    if match is None or match["doubtful"]:
        return None
    return plain_name(match["name"])


def caller_of(stack: Sequence[str], depth: int = 1) -> str | None:
    """Return who asked: the first function that is no plumbing of the allocator, and those above it up to `depth`.

    Parameters
    ----------
    stack : sequence of str
        Functions, the innermost first.
    depth : int
        How many functions to name.

    Returns
    -------
    str or None
        Joined by ` < `; None for an empty stack.

    Examples
    --------
    >>> caller_of(["post_alloc_hook", "__alloc_pages", "sk_page_frag_refill", "tcp_sendmsg"], 2)
    'sk_page_frag_refill < tcp_sendmsg'
    """
    at = next((at for at, name in enumerate(stack) if not is_plumbing(name)), len(stack) - 1)
    return " < ".join(stack[at : at + depth]) if stack else None


def is_plumbing(name: str) -> bool:
    """Tell whether a function belongs to the allocator, or stands between it and the one who asks.

    Examples
    --------
    >>> is_plumbing("alloc_pages_mpol"), is_plumbing("tcp_sendmsg")
    (True, False)
    """
    return name in _PLUMBING or name.startswith(_PLUMBING_BEGINS)


def collapsed(weights: Mapping[tuple[str, ...], int] | Iterable[tuple[tuple[str, ...], int]]) -> str:
    """Return stacks as `outermost;...;innermost weight`, one a line, as flame-graph tools read them.

    Examples
    --------
    >>> collapsed({("alloc", "read", "main"): 3})
    'main;read;alloc 3\\n'
    """
    items = weights.items() if isinstance(weights, Mapping) else weights
    return "".join(
        f"{';'.join(name.replace(';', ':') for name in reversed(stack))} {count}\n" for stack, count in items
    )
