"""`python -m buddycap`."""

from .cli import main

raise SystemExit(main())
