"""A running stage with the sample product in place of StudySpot: everything but the database."""

from collections.abc import Iterator

import pytest

from local.engine import Engine
from local.postgres import free_port
from local.stand_in import StandIn
from local.template import Template
from tests.local.running import SAMPLE, Sample


@pytest.fixture(scope="package")
def running_sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    home = tmp_path_factory.mktemp("sample")
    notes = home / "notes"
    notes.write_text("")
    stand_in = StandIn(home / "aws", free_port())
    template = Template(stand_in.endpoint, {}, SAMPLE)
    lines: list[bytes] = []
    engine = Engine(template, stand_in, 0, {"app": "pw"}, lines.append, {"Echo": 3})
    engine.prepare({"NOTES": str(notes)})
    stand_in.start()
    try:
        engine.start()
        yield Sample(engine, stand_in, template, lines, notes)
    finally:
        engine.stop()
        stand_in.stop()


@pytest.fixture
def sample(running_sample: Sample) -> Sample:
    running_sample.forget()
    return running_sample
