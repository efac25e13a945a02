"""`python -m training`, as torchrun starts it."""

import sys

from training.cli import main

if __name__ == "__main__":
    sys.exit(main())
