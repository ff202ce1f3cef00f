"""The twin of Linux 6.1: what it does its own way. linux_6/ has the rest, and says how the two belong together."""
