"""`python -m transferlaws` is the `transferlaws` command."""

from transferlaws.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
