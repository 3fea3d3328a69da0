"""template.yaml: it transforms; every function has its folder, every queue its dead letters, every path its end."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from samtranslator.translator.transform import transform
from studyspot.kit import schedules, timetable

from local.gateway import Routes
from local.intrinsics import load
from local.template import ROOT, Template

GIVEN = {
    "Stage": "dev",
    "AppDbSecretArn": "app",
    "WorkerDbSecretArn": "worker",
    "MigratorDbSecretArn": "migrator",
    "CorsOrigin": "https://app.example.test",
}
OWNERS = {"ProvisioningSteps", "MovingSteps", "WaveSteps", "OffboardingSteps"}
"""Steps that work with the rights of who owns the databases."""


@pytest.fixture(scope="module")
def template() -> Template:
    return Template("http://127.0.0.1:4566", GIVEN)


@pytest.fixture(scope="module")
def source() -> dict[str, Any]:
    return load(ROOT / "template.yaml")


def of_type(source: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: given for name, given in source["Resources"].items() if given["Type"] == kind}


@pytest.fixture(scope="module")
def transformed() -> dict[str, Any]:
    """What CloudFormation gets once the SAM transform has run, in the account's shape but without the account."""

    class NoManagedPolicies:
        def load(self) -> dict[str, str]:
            return {}

    before = os.environ.get("AWS_DEFAULT_REGION")
    os.environ["AWS_DEFAULT_REGION"] = "ap-south-1"
    given = load(ROOT / "template.yaml")
    for resource in given["Resources"].values():
        for key in ("CodeUri", "ContentUri", "DefinitionUri"):
            if key in resource.get("Properties", {}):
                resource["Properties"][key] = "s3://artifacts/key"
    try:
        result: dict[str, Any] = transform(given, {}, NoManagedPolicies())
    finally:
        os.environ.pop("AWS_DEFAULT_REGION")
        if before:
            os.environ["AWS_DEFAULT_REGION"] = before
    return result


def test_the_sam_transform_runs_and_fits(transformed: dict[str, Any], template: Template) -> None:
    resources = transformed["Resources"]
    assert len(resources) < 480, "CloudFormation takes 500 resources"
    assert sum(r["Type"] == "AWS::Lambda::Function" for r in resources.values()) == len(template.functions)


def test_every_route_of_the_template_reaches_the_api(template: Template, transformed: dict[str, Any]) -> None:
    api = next(r for r in transformed["Resources"].values() if r["Type"] == "AWS::ApiGatewayV2::Api")
    paths = set(api["Properties"]["Body"]["paths"])
    assert paths == {route.path or "/$default" for route in template.routes}


def test_every_function_folder_has_its_resource(template: Template) -> None:
    folders = {path.parent for path in (ROOT / "functions").glob("*/*/app.py")}
    assert folders == {function.code for function in template.functions.values()}


def test_every_machine_of_the_template_has_its_file() -> None:
    files = {path.stem.removesuffix(".asl") for path in (ROOT / "statemachines").glob("*.asl.yaml")}
    assert files == {
        "tenant_provisioning",
        "tenant_move",
        "schema_wave",
        "subscription_renewal",
        "payment_failover",
        "data_export",
        "data_import",
        "tenant_offboarding",
    }


def test_every_queue_has_dead_letters_after_five_tries(source: dict[str, Any]) -> None:
    queues = of_type(source, "AWS::SQS::Queue")
    for name, queue in queues.items():
        if not name.endswith("DeadLetters"):
            redrive = queue["Properties"]["RedrivePolicy"]
            assert redrive["maxReceiveCount"] == 5
            assert redrive["deadLetterTargetArn"]["Fn::GetAtt"][0] in queues
            assert f"{name.removesuffix('Queue')}DeadLettersAlarm" in source["Resources"]
            assert f"{name.removesuffix('Queue')}AgeAlarm" in source["Resources"]


def test_a_message_stays_hidden_longer_than_its_consumer_may_take(template: Template) -> None:
    queues = {queue.logical_id: queue for queue in template.queues}
    for consumer in template.consumers:
        hidden = int(queues[consumer.queue].attributes["VisibilityTimeout"])
        assert hidden > template.functions[consumer.function].timeout


def test_consumers_answer_for_each_message(source: dict[str, Any]) -> None:
    for function in of_type(source, "AWS::Serverless::Function").values():
        for event in function["Properties"].get("Events", {}).values():
            if event["Type"] == "SQS":
                assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_only_who_makes_and_removes_cells_may_read_the_owner_s_secret(source: dict[str, Any]) -> None:
    readers = {
        name
        for name, given in of_type(source, "AWS::Serverless::Function").items()
        if "MigratorDbSecretArn" in str(given)
    }
    assert readers == OWNERS | {"Migrator"}


def test_a_function_may_read_the_secret_it_is_told_of(source: dict[str, Any]) -> None:
    for name, given in of_type(source, "AWS::Serverless::Function").items():
        properties = given["Properties"]
        told = properties.get("Environment", {}).get("Variables", {}).get("DB_SECRET_ARN", {"Ref": "AppDbSecretArn"})
        allowed = [
            p["AWSSecretsManagerGetSecretValuePolicy"]["SecretArn"]
            for p in properties["Policies"]
            if len(p) == 1 and "AWSSecretsManagerGetSecretValuePolicy" in p
        ]
        more = [{"Ref": "MigratorDbSecretArn"}] if name in OWNERS else []
        assert allowed == [told, *more, {"Ref": "AppSecretArn"}], name


def test_the_gateway_logs_no_path_that_may_hold_a_token(source: dict[str, Any]) -> None:
    written = source["Resources"]["Api"]["Properties"]["AccessLogSettings"]["Format"]
    assert "$context.requestId" in written
    assert "$context.identity.sourceIp" in written
    assert "$context.path" not in written


def test_files_are_private_encrypted_and_sent_over_tls_alone(source: dict[str, Any]) -> None:
    bucket = source["Resources"]["FilesBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    (refusal,) = source["Resources"]["FilesBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (refusal["Effect"], refusal["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_no_log_is_kept_longer_than_thirty_days(source: dict[str, Any]) -> None:
    assert {g["Properties"]["RetentionInDays"] for g in of_type(source, "AWS::Logs::LogGroup").values()} == {30}


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("/", "HealthApi"),
        ("/health", "HealthApi"),
        ("/api/v1/health", "HealthApi"),
        ("/.well-known/jwks.json", "HealthApi"),
        ("/nowhere", "HealthApi"),
        ("/api/v1/auth/login", "AuthApi"),
        ("/api/auth/signin", "AuthApi"),
        ("/api/v1/tenants", "TenantsApi"),
        ("/api/v1/admin/tenants/x", "TenantsApi"),
        ("/api/v1/public/libraries", "PublicApi"),
        ("/api/v1/fee-plans", "MembershipsApi"),
        ("/api/v1/bookings/x", "BookingsApi"),
        ("/api/bookings", "HealthApi"),
        ("/api/v1/payments/create", "PaymentsApi"),
        ("/api/payments/initiate", "PaymentsApi"),
        ("/api/v1/payments/webhook/razorpay", "RazorpayWebhook"),
        ("/api/v1/payments/webhook/razorpay/acc_1", "RazorpayWebhook"),
        ("/api/payments/webhook/cashfree", "CashfreeWebhook"),
        ("/api/v1/messaging/webhook/msg91/token", "Msg91Webhook"),
        ("/api/v1/messaging/sms", "MessagingApi"),
        ("/api/v1/subscriptions/current", "SubscriptionsApi"),
        ("/api/subscriptions/current", "HealthApi"),
    ],
)
def test_where_a_path_leads(template: Template, path: str, function: str) -> None:
    match = Routes(template.routes).match("POST", path)
    assert match is not None
    assert match.function == function


def test_the_daily_schedule_is_indian_time(template: Template) -> None:
    daily = next(schedule for schedule in template.schedules if schedule.name == "daily")
    assert timetable.next_due(daily, datetime(2026, 11, 21, tzinfo=UTC)) == datetime(2026, 11, 21, 18, 40, tzinfo=UTC)


def test_the_layers_are_built_with_bytecode() -> None:
    for layer in ("dependencies", "images", "studyspot"):
        makefile = Path(ROOT / "layers" / layer / "Makefile").read_text()
        assert "--invalidation-mode unchecked-hash" in makefile


def test_the_product_knows_its_schedules_as_the_template_fires_them(template: Template) -> None:
    """Each is recorded, shown to the operator, and can be run by hand."""
    deployed = {s.name: (s.expression, s.timezone) for s in template.schedules}
    assert {s.name: (s.expression, s.timezone) for s in schedules.SCHEDULES.values()} == deployed
    told = template.functions["AdminApi"].environment["SCHEDULE_FUNCTIONS"]
    assert dict(pair.split("=") for pair in told.split(",")) == {s.name: s.function for s in template.schedules}
    for name in deployed:
        assert f'@recorded("{name}")' in (ROOT / "functions/schedules" / name / "app.py").read_text()
