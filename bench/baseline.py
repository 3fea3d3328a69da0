"""The baseline of row 3: FastAPI, uvicorn and psycopg_pool doing the same read and booking, as their manuals show it.

It checks the token's signature and claims, sets the tenant in a transaction, runs the product's own SQL and validates
the answer. It logs nothing, counts no requests and asks for no session: what it leaves out counts in its favour.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import jwt
import psycopg
from fastapi import Depends, FastAPI, Header, HTTPException
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from studyspot.students.models import Student

GIVEN: dict[str, Any] = json.loads(os.environ["BASELINE"])
REQUIRED = ["sub", "exp", "iat", "tenantId", "permissions"]

app = FastAPI()
pool: ConnectionPool[psycopg.Connection[dict[str, Any]]] = ConnectionPool(
    GIVEN["dsn"], min_size=1, max_size=4, kwargs={"row_factory": dict_row}, open=True
)


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Booking(Camel):
    library_id: UUID
    seat_id: UUID
    start_at: datetime
    end_at: datetime
    fee_plan_id: UUID
    student_id: UUID


class Held(Camel):
    id: UUID
    seat_id: UUID
    status: str


def caller(authorization: Annotated[str, Header()]) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            authorization.removeprefix("Bearer "), GIVEN["secret"], algorithms=["HS256"], options={"require": REQUIRED}
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401) from error
    return claims


Caller = Annotated[dict[str, Any], Depends(caller)]


def tenant_rows(claims: Caller) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with pool.connection() as conn, conn.transaction():
        conn.execute("SELECT set_config('app.tenant', %s, true)", (claims["tenantId"],))
        yield conn


Rows = Annotated[psycopg.Connection[dict[str, Any]], Depends(tenant_rows)]


@app.get("/api/v1/students/{student_id}")
def student(student_id: UUID, rows: Rows) -> Student:
    found = rows.execute(GIVEN["read"]["sql"], GIVEN["read"]["params"] | {GIVEN["read"]["id"]: student_id}).fetchone()
    if found is None:
        raise HTTPException(404)
    return Student(**found)


@app.post("/api/v1/bookings", status_code=201)
def book(request: Booking, claims: Caller, rows: Rows) -> Held:
    booking, now = uuid4(), datetime.now().astimezone()
    fresh = {
        "id": booking, "library": request.library_id, "seat": request.seat_id, "student": request.student_id,
        "plan": request.fee_plan_id, "start": request.start_at, "end": request.end_at, "now": now,
    }  # fmt: skip
    held: dict[str, Any] | None = None
    for statement in GIVEN["write"]:
        params = statement["params"] | {k: v for k, v in fresh.items() if k in statement["params"]}
        cursor = rows.execute(statement["sql"], params)
        held = held or cursor.fetchone()
    if held is None or held["outcome"] != "held":
        raise HTTPException(409)
    return Held(id=booking, seat_id=held["seat_id"], status="held")


@app.get("/cpu")
def cpu() -> float:
    """Seconds of processor time this process has used."""
    return time.process_time()
