"""The arguments of the commands, one module a command; what they do is elsewhere."""
