"""`python3 -m dev <command>`."""

from dev.cli import main

raise SystemExit(main())
