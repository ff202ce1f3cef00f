"""`python -m buddycap`."""

from .cli import main

if __name__ == "__main__":  # the ranks of MPI import this module under another name
    raise SystemExit(main())
