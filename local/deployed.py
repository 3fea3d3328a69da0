"""What `make deploy` asks of a deployed stage from this machine: its schema brought ahead of the code, its health."""

import argparse
import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.health import credentials, examined

LAYER = "StudyspotLayer"
BUILT = Path(__file__).parent.parent / ".aws-sam" / "build" / LAYER


def outputs(stage: str, region: str) -> dict[str, str]:
    """What the stack says of itself."""
    stacks = boto3.client("cloudformation", region_name=region).describe_stacks(StackName=f"studyspot-{stage}")
    return {output["OutputKey"]: output["OutputValue"] for output in stacks["Stacks"][0]["Outputs"]}


def migrate(stage: str, region: str) -> int:
    """Run the migrator to its end; its answer says what was applied where."""
    patient = Config(read_timeout=900, retries={"total_max_attempts": 1})
    client = boto3.client("lambda", region_name=region, config=patient)
    answer = client.invoke(FunctionName=outputs(stage, region)["MigratorFunction"], Payload=b"{}")
    result: Any = json.loads(answer["Payload"].read())
    print(json.dumps(result, indent=2))
    return 1 if "FunctionError" in answer else 0


def ahead(stage: str, region: str, built: Path = BUILT) -> int:
    """The new release's schema before its code: the migrator alone gets the layer just built, and runs.

    New code never meets the old schema; the old code, still running, meets one that only has more.
    """
    client = boto3.client("lambda", region_name=region)
    try:
        migrator = outputs(stage, region)["MigratorFunction"]
    except ClientError as missing:
        if "does not exist" not in str(missing):
            raise
        print("nothing is deployed yet: the schema follows the code")
        return 0
    given = client.get_function_configuration(FunctionName=migrator)
    arns = [layer["Arn"] for layer in given["Layers"]]
    (old,) = [arn for arn in arns if LAYER in arn]
    made = client.publish_layer_version(LayerName=old.split(":")[6], Content={"ZipFile": _zipped(built)})
    layers = [made["LayerVersionArn"] if arn == old else arn for arn in arns]
    client.update_function_configuration(FunctionName=migrator, Layers=layers)
    client.get_waiter("function_updated_v2").wait(FunctionName=migrator)
    return migrate(stage, region)


def _zipped(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            archive.write(path, path.relative_to(folder))
    return packed.getvalue()


def health(stage: str, region: str) -> int:
    """The five phases of `make health`, against the deployed address."""
    return examined(outputs(stage, region)["ApiUrl"], credentials())


QUESTIONS = {"ahead": ahead, "migrate": migrate, "health": health}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("question", choices=sorted(QUESTIONS))
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--region", default="ap-south-1")
    asked = parser.parse_args()
    return QUESTIONS[asked.question](asked.stage, asked.region)


if __name__ == "__main__":
    sys.exit(main())
