"""Memory that has been in use: how it is aged."""
