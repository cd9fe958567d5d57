"""``python -m faults.in_process``."""

import sys

from faults.in_process.program import main

if __name__ == "__main__":
    sys.exit(main())
