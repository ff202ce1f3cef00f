# Policies at the boundary: from the fields of a Python object to a policy_t or a compaction_policy_t, by name.

cdef dict POLICY_NAMES = {"private_list": "private", "consult_lists": "consult"}      # where Python's are others
cdef dict POLICY_CHOICES = {        # fields that are words in Python
    "consult_lists": {"pass": 0, "list": 1},
    "queue": {"none": QUEUE_NONE, "credit": QUEUE_CREDIT, "strict": QUEUE_STRICT},
}


cdef int as_word(object value, str name, dict words) except -1:
    """The number of one of a few words."""
    if value not in words:
        raise MisuseError(f"{name}={value!r}: allowed are {', '.join(words)}")
    return words[value]


cdef dict policy_fields():
    """Lowest and highest value of every field that a policy brings, by its name in policy_t."""
    cdef policy_t low, high
    cdef dict least, most
    policy_limits(&low, &high)
    least, most = low, high
    return {name: (least[name], most[name]) for name in least if name != "reserved"}


cdef dict POLICY_FIELDS = policy_fields()


def policy_ranges():
    """What the fields of a `CapturePolicy` may be: for switches and numbers (lowest, highest), else a tuple of words.

    Returns
    -------
    dict of str to tuple
        All fields that the core reads, but `hook`.

    Examples
    --------
    >>> policy_ranges()["batch"], policy_ranges()["queue"]
    ((1, 14), ('none', 'credit', 'strict'))
    """
    return {POLICY_NAMES.get(name, name): tuple(POLICY_CHOICES[name]) if name in POLICY_CHOICES else limits
            for name, limits in POLICY_FIELDS.items() if name != "hook"}


cdef object last_policy = None      # frozen and without a hook: the row below is what was read from it
cdef policy_t last_row


cdef int as_policy(object policy, policy_t *out) except -1:
    """Read the fields of a CapturePolicy, or of anything that has them, by name.

    One that cannot change is not read twice in a row: a program that passes it with each request pays once.  One with
    a hook is not kept: the hook may hold the very zones that would then never go.
    """
    global last_policy, last_row
    if policy is last_policy:
        out[0] = last_row
        return 0
    read_policy(policy, out)
    if not out.hook and getattr(getattr(policy, "__dataclass_params__", None), "frozen", False):
        last_row = out[0]
        last_policy = policy            # last: what it was may have a finalizer, which may come here, too
    return 0


cdef int read_policy(object policy, policy_t *out) except -1:
    cdef dict row = {"reserved": 0}
    cdef str name, field
    for name, limits in POLICY_FIELDS.items():
        field = POLICY_NAMES.get(name, name)
        value = getattr(policy, field)
        if name == "hook":
            row[name] = value is not None
        elif name in POLICY_CHOICES:
            row[name] = as_word(value, "policy." + field, POLICY_CHOICES[name])
        elif limits == (0, 1):
            row[name] = bool(value)
        else:
            row[name] = as_ranged(value, "policy." + field, limits[0], limits[1])
    out[0] = row
    return 0


# --- compaction -------------------------------------------------------------------------------------------------

cdef dict COMPACTION_CHOICES = {
    "form": {"merge": CAPTURE_MERGE, "lists": CAPTURE_LISTS, "block": CAPTURE_BLOCK},
    "movable": {"kernel": CAPTURE_AS_KERNEL, "strict": CAPTURE_STRICT, "relaxed": CAPTURE_RELAXED, "any": CAPTURE_ANY},
    "watermark": {"ignored": CAPTURE_IGNORES_MARK, "checked": CAPTURE_CHECKS_MARK, "held": CAPTURE_HOLDS},
}


cdef int as_compaction(object policy, compaction_policy_t *out) except -1:
    """Read the fields of a CompactionPolicy, or of anything that has them, by name."""
    out.off = not policy.capture
    out.form = as_word(policy.form, "policy.form", COMPACTION_CHOICES["form"])
    out.min_order = <int32_t> as_ranged(policy.capture_min_order, "policy.capture_min_order", 0, MAX_ORDERS)
    out.movable = as_word(policy.movable, "policy.movable", COMPACTION_CHOICES["movable"])
    out.watermark = as_word(policy.watermark, "policy.watermark", COMPACTION_CHOICES["watermark"])
    out.hold_turns = <int32_t> as_ranged(policy.hold_turns, "policy.hold_turns", 0, 1000)
    out.test_first = bool(policy.test_first)
    out.proactiveness = <int32_t> as_ranged(policy.proactiveness, "policy.proactiveness", 0, 100)
    return 0


cdef int check_policy(object policy, int kernel) except -1:
    """Refuse the policy of another kernel."""
    cdef tuple wanted = getattr(policy, "kernels", (RELEASES[KERNEL_2_6_27],))
    if release_of(kernel) not in wanted:
        raise MisuseError(f"policy={policy.name!r}: one of Linux {' and '.join(wanted)}, on a zone of Linux "
                          f"{release_of(kernel)}")
    return 0


cdef int as_policies(object policy, int kernel, machine_t *m) except -1:
    """The policy of a machine that nobody else has yet, which must be one of its kernel."""
    check_policy(policy, kernel)
    if hasattr(policy, "form"):
        return as_compaction(policy, &m.compaction)
    return as_policy(policy, &m.policy)
