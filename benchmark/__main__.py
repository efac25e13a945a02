"""`python -m benchmark`: the `benchmark` command from a source tree."""

import sys

from benchmark.cli import main

if __name__ == "__main__":
    sys.exit(main())
