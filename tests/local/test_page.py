"""The sandbox page in a real browser: it runs its script, shows what there is, and acts on a click's behalf."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.postgres import FAST_AND_FORGETFUL
from local.stage import Stage

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("page"), bcrypt_cost=4, database=FAST_AND_FORGETFUL) as running:
        yield running


def shown(stage: Stage, profile: Path, *flags: str) -> str:
    """The page's elements once its script has run."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    assert browser, "no Chromium here; .ci/run installs one"
    command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *flags]
    command += [f"--user-data-dir={profile}", "--virtual-time-budget=8000", "--dump-dom", f"{stage.url}/sandbox"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.parametrize("flags", [(), ("--force-dark-mode",)], ids=["light", "dark"])
def test_the_page_shows_the_stage(stage: Stage, tmp_path: Path, flags: tuple[str, ...]) -> None:
    stage.simulators.add_fault({"target": "razorpay", "fault": "down", "times": 7})
    page = shown(stage, tmp_path, *flags)
    stage.simulators.clear_faults()
    for queue in ("sms-otp", "sms-service", "email", "payment-settler"):
        assert f"<td>{queue}</td>" in page
    assert "<td>razorpay</td><td>down</td>" in page
    assert "cron(10 0 * * ? *) Asia/Kolkata" in page
    assert "Nothing has left yet." in page
    assert 'class="bad"' not in page
