"""Guests: whole recorded machines of Linux 6.1, whose allocator is played again from its requests alone."""
