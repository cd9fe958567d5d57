"""Takes the pictures of the README from a real run: ``make pictures``.

Needs Playwright (``pip install playwright``) and a Chromium (``apt-get install chromium``), which the
project itself does without. Nothing is drawn or touched up: the stack of ``make demo`` runs, and what
its Airflow shows is saved.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml.local.airflow import USER
from airflow_provider_fabml.local.demo import DAG_ID, bring_up, run_dag
from airflow_provider_fabml.local.places import home
from airflow_provider_fabml.local.process import StackError
from airflow_provider_fabml.local.show import Show
from airflow_provider_fabml.local.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

DAGS = Path(__file__).resolve().parents[2] / "dags"
PICTURES = DAGS / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTH, HEIGHT, SCALE = 1360, 640, 1.5  # CSS pixels; half as many again for sharp small print
LARGEST = 300_000  # bytes: a README's first screen should not be waited for
TASKS, LINK = ("landed", "score", "scored"), "Azure ML job"
# What a person sets with the buttons above the graph: graph instead of grid, tasks from top to
# bottom, two thirds of the width.
LAYOUT = """dag => {
  localStorage.setItem("default_dag_view", '"graph"');
  localStorage.setItem(`direction-${dag}`, '"DOWN"');
  localStorage.setItem("react-resizable-panels:graph-ltr", JSON.stringify(
    {"details-panel,main-panel": {expandToSizes: {}, layout: [67, 33]}}));
}"""


class Login(NamedTuple):
    """Where Airflow answers and who signs in; the password is not shown."""

    url: str
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.url!r}, {self.user!r})"


def find_browser() -> str:
    """Return the path of an installed Chromium; StackError says how to get one."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise StackError("No Chromium is installed. Remedy: apt-get install chromium")
    return found


@contextmanager
def signed_in(login: Login) -> Iterator[Page]:
    """Give a page of a browser that has signed in to Airflow by its form, in the light theme."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT},
            device_scale_factor=SCALE,
            color_scheme="light",
            locale="en-GB",
        )
        page.goto(f"{login.url}/auth/login/")
        page.locator("input[name=username]").fill(login.user)
        page.locator("input[name=password]").fill(login.password)
        page.locator("button[type=submit]").click()
        page.wait_for_url(lambda url: "login" not in url)
        yield page
        browser.close()


def picture_run(page: Page, url: str, run_id: str, target: Path) -> None:
    """Save the graph of a finished run beside the task that submitted the job and its link."""
    page.evaluate(LAYOUT, DAG_ID)
    page.goto(f"{url}/dags/{DAG_ID}/runs/{run_id}/tasks/score/details")
    page.get_by_role("link", name=LINK).wait_for()
    for task in TASKS:
        page.get_by_test_id(f"rf__node-{task}").get_by_text("success").wait_for()
    _save(page, target)


def _save(page: Page, target: Path) -> None:
    page.wait_for_timeout(1500)  # the graph glides to its place
    page.screenshot(path=target)
    size = target.stat().st_size
    if size > LARGEST:
        raise StackError(f"{target} has {size} bytes, more than {LARGEST}.")


def take(show: Show, folder: Path) -> None:
    """Run the demo's DAG in a folder of its own, take the pictures, stop what was started."""
    with Stack(folder, DAGS) as stack:
        bring_up(stack, show)
        run = run_dag(stack, show)
        airflow = stack.airflow
        login = Login(airflow.url, USER, airflow.secrets.password)
        with show.step("Take the picture"), signed_in(login) as page:
            picture_run(page, airflow.url, run.run_id, PICTURES / f"{DAG_ID}.png")


def check_tools() -> None:
    """Say what is missing before a minute is spent on the stack. StackError names the remedy."""
    find_browser()
    if importlib.util.find_spec("playwright") is None:
        raise StackError(
            "Playwright is missing. Remedy: VIRTUAL_ENV=.venv .venv/bin/uv pip install playwright"
        )


def main() -> int:
    """Take the pictures; 1 with the reason when that failed."""
    show = Show()
    home().mkdir(parents=True, exist_ok=True)
    try:
        check_tools()
        with tempfile.TemporaryDirectory(prefix="pictures-", dir=home()) as folder:
            take(show, Path(folder))
    except StackError as error:
        show.say(f"\n{error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
