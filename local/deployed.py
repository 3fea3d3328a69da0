"""`make migrate` and `make health`: two questions to a deployed stage, asked from this machine."""

import argparse
import json
import sys
from typing import Any

import boto3
from botocore.config import Config

from local.health import credentials, examined


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


def health(stage: str, region: str) -> int:
    """The five phases of `make health`, against the deployed address."""
    return examined(outputs(stage, region)["ApiUrl"], credentials())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("question", choices=["migrate", "health"])
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--region", default="ap-south-1")
    asked = parser.parse_args()
    ask = migrate if asked.question == "migrate" else health
    return ask(asked.stage, asked.region)


if __name__ == "__main__":
    sys.exit(main())
