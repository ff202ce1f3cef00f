"""The jobs as one call each, for Python sessions and notebooks; the commands are the same jobs in a shell."""
