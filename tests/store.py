"""Where files lie in tests: one bucket of an object store in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from studyspot.gateways import store

from tests.world import World

BUCKET = "files-of-tests"


@pytest.fixture
def bucket(world: World) -> Iterator[Any]:
    """An empty bucket, and the settings that name it."""
    with mock_aws(), world.setting(files_bucket=BUCKET):
        store._made.cache_clear()
        s3 = boto3.client("s3", region_name="ap-south-1")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
        yield s3
    store._made.cache_clear()
