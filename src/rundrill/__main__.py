"""`python -m rundrill`."""

from rundrill.cli import entry

if __name__ == "__main__":
    entry()
