"""A deployment's order: the schema first, by the migrator alone with the layer just built; then the code."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from local import deployed

REGION = "ap-south-1"


def package(name: str, content: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    return packed.getvalue()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    told = {"MigratorFunction": "studyspot-dev-Migrator"}
    monkeypatch.setattr(deployed, "outputs", lambda stage, region: told)
    with mock_aws(config={"lambda": {"use_docker": False}}):
        yield boto3.client("lambda", region_name=REGION)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "python" / "studyspot").mkdir(parents=True)
    (tmp_path / "python" / "studyspot" / "__init__.py").write_text("VERSION = 2\n")
    return tmp_path


def deploy_first_release(client: Any) -> None:
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    layers = [
        client.publish_layer_version(LayerName=name, Content={"ZipFile": package("a", name)})["LayerVersionArn"]
        for name in ("DependenciesLayer1a2b", "StudyspotLayer3c4d")
    ]
    for name in ("studyspot-dev-Migrator", "studyspot-dev-AuthApi"):
        client.create_function(
            FunctionName=name, Runtime="python3.13", Role=role, Handler="app.handler", Layers=layers,
            Code={"ZipFile": package("app.py", "")},
        )  # fmt: skip


def test_only_the_migrator_gets_the_new_layer_and_runs(account: Any, built: Path) -> None:
    deploy_first_release(account)
    before = [
        layer["Arn"] for layer in account.get_function_configuration(FunctionName="studyspot-dev-AuthApi")["Layers"]
    ]
    assert deployed.ahead("dev", REGION, built) == 0
    after = [
        layer["Arn"] for layer in account.get_function_configuration(FunctionName="studyspot-dev-Migrator")["Layers"]
    ]
    assert after[0] == before[0]
    assert (after[1].rsplit(":", 1), before[1].rsplit(":", 1)) == (
        [before[1].rsplit(":", 1)[0], "2"],
        [before[1].rsplit(":", 1)[0], "1"],
    )
    others = account.get_function_configuration(FunctionName="studyspot-dev-AuthApi")["Layers"]
    assert [layer["Arn"] for layer in others] == before


def test_before_the_first_deployment_there_is_nothing_to_bring_ahead(
    account: Any, built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_stack(stage: str, region: str) -> dict[str, str]:
        said = {"Error": {"Code": "ValidationError", "Message": f"Stack with id studyspot-{stage} does not exist"}}
        raise ClientError(said, "DescribeStacks")  # type: ignore[arg-type]

    monkeypatch.setattr(deployed, "outputs", no_stack)
    assert deployed.ahead("dev", REGION, built) == 0
    assert "nothing is deployed yet" in capsys.readouterr().out


def test_the_layer_holds_what_was_built(built: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(deployed._zipped(built))) as archive:
        assert archive.namelist() == ["python/studyspot/__init__.py"]
