"""``python -m airflow_provider_fabml.local demo|up|down|status``."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_fabml.local.process import StackError

if TYPE_CHECKING:
    from airflow_provider_fabml.local.show import Show


def main() -> int:
    """Do the command; 0 when everything worked, 1 with the reason when not, 130 on Ctrl-C."""
    from airflow_provider_fabml.local.show import Show

    arguments = _parser().parse_args()
    show = Show()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _run(arguments, show)
    except KeyboardInterrupt:
        show.say("Interrupted.")
        return 130
    except StackError as error:
        show.say(f"\n{error}")
        return 1
    show.say(f"Done in {show.elapsed:.0f} s.")
    return 0


def _run(arguments: argparse.Namespace, show: Show) -> None:
    from airflow_provider_fabml.local import lasting
    from airflow_provider_fabml.local.demo import run_demo

    if arguments.command in {"demo", "up"}:
        command = run_demo if arguments.command == "demo" else lasting.up
        command(show, _existing(arguments.dags))
    else:
        {"down": lasting.down, "status": lasting.status}[arguments.command](show)


def _existing(dags: Path) -> Path:
    if not (dags / "score_heart.py").is_file():
        raise StackError(
            f"{dags.absolute()} holds no score_heart.py. Remedy: run this where the project's "
            "`dags` folder is, or name that folder with --dags."
        )
    return dags.absolute()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m airflow_provider_fabml.local")
    commands = parser.add_subparsers(dest="command", required=True)
    told = {
        "demo": "run the whole scenario once, then stop everything",
        "up": "start storage, Azure ML and Airflow and leave them running",
    }
    for name, text in told.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("--dags", type=Path, default=Path("dags"), help="folder of DAG files")
    commands.add_parser("down", help="stop what `up` started, and nothing else")
    commands.add_parser("status", help="say what of it runs")
    return parser


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
