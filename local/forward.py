"""The bootstrap of every function in the AWS stand-in: hands each event to the stage's own processes and back.

Runs as a bare script inside the stand-in, with nothing but the standard library, and ends with it: a stand-in that is
gone closes the line. (The kernel's signal would come when the *thread* ends that started this one, with work in hand.)
"""

import http.client
import os
from urllib.parse import urlsplit


def invoke(address: str, name: str, payload: bytes) -> tuple[bytes, bool]:
    """What the function answered, and whether it failed; the error keeps the class it was raised with."""
    stage = urlsplit(address)
    assert stage.hostname is not None
    connection = http.client.HTTPConnection(stage.hostname, stage.port)
    connection.request("POST", f"{stage.path}/2015-03-31/functions/{name}/invocations", payload)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return body, answer.status != 200 or answer.headers["x-amz-function-error"] is not None


def serve() -> None:
    """One invocation after the other."""
    stage, name = os.environ["STUDYSPOT_STAGE_ADDRESS"], os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    stand_in = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    base = "/2018-06-01/runtime/invocation"
    while True:
        stand_in.request("GET", f"{base}/next")
        work = stand_in.getresponse()
        payload = work.read()
        if work.status != 200:
            return
        body, failed = invoke(stage, name, payload)
        outcome = "error" if failed else "response"
        stand_in.request("POST", f"{base}/{work.headers['Lambda-Runtime-Aws-Request-Id']}/{outcome}", body)
        stand_in.getresponse().read()


def main() -> None:
    try:
        serve()
    except (OSError, http.client.HTTPException):
        return


if __name__ == "__main__":
    main()
