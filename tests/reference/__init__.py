"""The reference twin: the same allocator again, slow and plain, written from the specification alone."""
