"""Run the emulator from the command line."""

import sys
from functools import partial

from airflow_provider_fabml.emulator.cli import main

sys.exit(main(None, partial(print, flush=True)))
