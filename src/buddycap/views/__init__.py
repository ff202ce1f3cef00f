"""Pictures and time lines of memory, and the commands that make them."""
