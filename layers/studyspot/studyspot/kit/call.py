"""One call of a route, in the order the conventions demand: 401, 429, tenant state, 403, 400, 404, 422, state."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from studyspot.kit import audit, callers, cards, cells, clock, connections, outbox
from studyspot.kit.auth import Actor, Allow
from studyspot.kit.connections import Place
from studyspot.kit.db import Claim, Db, Origin
from studyspot.kit.errors import BadRequest, Forbidden, MfaRequired, NotFound, Problem, TokenRevoked
from studyspot.kit.gate import Gate, Moved
from studyspot.kit.ids import PLATFORM
from studyspot.kit.paths import PREFIX
from studyspot.kit.permissions import ACTING_FOR_TENANT
from studyspot.kit.raised import Replay
from studyspot.kit.request import Request
from studyspot.kit.response import Response, problem, success

if TYPE_CHECKING:
    from studyspot.kit.api import Route

REMEMBER = """
    INSERT INTO idempotency_keys (principal, route, key, fingerprint, status, headers, body, created_at)
    VALUES (%(principal)s, %(route)s, %(key)s, %(fingerprint)s, %(status)s, %(headers)s::jsonb, %(body)s, %(now)s)
    ON CONFLICT (tenant_id, principal, route, key) DO UPDATE
        SET status = EXCLUDED.status, headers = EXCLUDED.headers, body = EXCLUDED.body,
            fingerprint = EXCLUDED.fingerprint, created_at = EXCLUDED.created_at, leased_until = NULL"""
RELEASE = """
    DELETE FROM idempotency_keys
    WHERE principal = %(principal)s AND route = %(route)s AND key = %(key)s AND status IS NULL"""
KEPT_HEADERS = ("Location",)


class Call:
    """A request on its way through a route."""

    def __init__(self, route: Route, request: Request) -> None:
        self.route = route
        self.request = request
        self.actor: Actor | None = None
        self.db: Db | None = None
        self.handles: dict[str, Db] = {}

    def sign_in(self) -> Actor | None:
        """The caller, if the route wants anyone; whether the session still lives is the gate's to say."""
        if not self.route.public:
            self.actor = callers.sign_in(self.request)
        return self.actor

    def run(self, path: dict[str, str]) -> Response:
        """Open the handles, hold back every refusal until the gate has spoken, call the function, commit."""
        self._open_handles()
        try:
            values = self._bind(path)
            if self.route.public:
                self._first().admit()
            result = self.route.function(**values)
        except Problem:
            self._first().admit()
            raise
        response = success(result, self.route.status, self.request)
        response.cookies += self.request.cookies_out
        response.headers |= self.request.answering
        self._finish(result, response)
        return response

    def _open_handles(self) -> None:
        wanted = self.route.signature.handles
        headers, request = self.request.headers, self.request
        origin = Origin(
            request.id, request.address, headers.get("user-agent"), headers.get("x-device-id"), request.country
        )
        tenant = self._tenant(bool({"tenant"} & set(wanted.values())))
        home = self.actor.tenant_id if self.actor else tenant
        for name, of in wanted.items():
            owner = PLATFORM if of == "core" else tenant
            self.handles[name] = Db(connections.to(self._place(owner)), owner, self.actor, origin)
        self.db = next((db for db in self.handles.values() if db.tenant == home), None)
        if self.db is None:
            self.db = Db(connections.to(self._place(home)), home, self.actor, origin)
        if self.route.ungated:
            return
        for db in self.handles.values():
            db.keeper = self.db if db is not self.db else None
        self.db.gate = Gate(
            tenant=home,
            session=self.actor.session_id if self.actor and not self.actor.key else None,
            bucket=self._principal(),
            writes=self.request.writes,
            while_leaving=self.route.while_leaving,
            module=self.route.module if home != PLATFORM else None,
            **self._conditions(),
        )

    def _place(self, tenant: UUID) -> Place:
        """Where a tenant lives; a token outlives an organisation that is gone, but opens nothing."""
        try:
            return cells.place_of(tenant)
        except NotFound:
            if self.actor and tenant == self.actor.tenant_id:
                raise TokenRevoked from None
            raise

    def _principal(self) -> str:
        """Whose requests are counted together."""
        if self.actor is None:
            return f"address:{self.request.address}"
        return f"{'key' if self.actor.key else 'user'}:{self.actor.id}"

    def _conditions(self) -> dict[str, Any]:
        """What else this route asks of this caller; proof once more only from who may call it at all."""
        actor, allow, special = self.actor, self.route.signature.allow, self.route.limit
        if actor is None or allow is None:
            return {"special": (f"{self.route.name}:{self._principal()}", *special)} if special else {}
        return {
            "step_up": allow.step_up and (not allow.any_of or any(map(actor.may, allow.any_of))),
            "acting": actor.impersonator is not None and self.request.writes and not allow.always,
            "special": (f"{self.route.name}:{actor.id}", *special) if special else None,
        }

    def _tenant(self, wanted: bool) -> UUID:
        """From the token; named by X-Tenant-Id only for platform users who may act, and on public routes."""
        named = self.request.headers.get("x-tenant-id")
        if self.actor is None and wanted and named is None and "authorization" in self.request.headers:
            return callers.sign_in(self.request).tenant_id  # what is public is shown of one's own tenant unasked
        if self.actor is None:
            return self._named_tenant(named) if wanted else PLATFORM
        if named is None or named == str(self.actor.tenant_id):
            return self.actor.tenant_id
        if not (self.actor.is_platform and self.actor.may("tenants:act")):
            raise Forbidden("the tenant comes from the token")
        return self._named_tenant(named)

    def _named_tenant(self, named: str | None) -> UUID:
        if named is None:
            raise BadRequest("the header X-Tenant-Id is missing")
        try:
            return UUID(named)
        except ValueError:
            raise NotFound from None

    def _bind(self, path: dict[str, str]) -> dict[str, Any]:
        signature = self.route.signature
        if signature.allow and self.actor:
            self._permit(signature.allow)
        values: dict[str, Any] = dict(self.handles)
        if signature.actor:
            values[signature.actor] = self.actor
        if signature.request:
            values[signature.request] = self.request
        values |= self._claimed_and_rest(path)
        return values

    def _permit(self, allow: Allow) -> None:
        assert self.actor is not None, "only a signed-in caller can lack a permission"
        self._must_be_somebody(self.actor, allow)
        any_of = allow.any_of
        acting = self.actor.is_platform and any(db.tenant != PLATFORM for db in self.handles.values())
        if acting and ACTING_FOR_TENANT.intersection(any_of):
            return
        self.actor.must(*any_of)

    def _must_be_somebody(self, actor: Actor, allow: Allow) -> None:
        """What a key, a device, a stand-in and somebody still to be proven may not do, whatever they hold."""
        if actor.key:
            actor.key.must_admit(self.request.address)
            if not allow.any_of and not self.route.by_key:
                raise Forbidden("an API key has no account of its own")
        if actor.owes_factor and not allow.enrolling:
            raise MfaRequired("enroll a second factor first")
        if actor.user_type == "kiosk" and not allow.any_of:
            raise Forbidden("a device has no account of its own")
        if allow.everywhere and actor.library_ids is not None:
            raise Forbidden("that reaches beyond the libraries you are bound to")
        if actor.impersonator and self.request.writes and allow.personal:
            raise Forbidden("nobody does that in somebody else's name")

    def _claimed_and_rest(self, path: dict[str, str]) -> dict[str, Any]:
        """400 before 404 before 422: a fault of the body must not hide that the path names nothing."""
        signature = self.route.signature
        fault: Problem | None = None
        rest: dict[str, Any] = {}
        try:
            if not (self.route.ungated or self.route.vendor_words):
                cards.refuse_anywhere(self.request)
            self._claim()
            rest = signature.from_rest(self.request)
        except Problem as problem_found:
            if problem_found.status != 422:
                raise
            fault = problem_found
        ids = signature.from_path(path)
        if fault:
            self._must_exist(ids)
            raise fault
        return ids | rest

    def _must_exist(self, ids: dict[str, Any]) -> None:
        for name, table in self.route.signature.tables.items():
            place = self._first()
            if table == "tenants":  # the directory: no row security there, so the rule is spelled out
                assert self.actor is not None, "no public route takes a tenant in its path"
                if not self.actor.is_platform and ids[name] != self.actor.tenant_id:
                    raise NotFound
                place = self._keyed()
            if not place.value(f"SELECT 1 FROM {table} WHERE id = %(id)s", id=ids[name]):
                raise NotFound

    def _claim(self) -> None:
        """Take the Idempotency-Key along; whether it is free is the database's to say."""
        key = self.request.headers.get("idempotency-key")
        if self.request.method != "POST" or self.route.public or self.route.keyed == "ignored":
            return
        if key is None:
            if self.route.keyed == "required":
                raise BadRequest("the header Idempotency-Key is missing")
            return
        if not 1 <= len(key) <= 255 or not key.isprintable():
            raise BadRequest("Idempotency-Key has 1 to 255 printable characters")
        assert self.actor is not None, "only signed-in routes take a key"
        self._keyed().claim = Claim(str(self.actor.id), self.route.name, key, self.request.fingerprint())

    def _keyed(self) -> Db:
        """The handle whose transaction is the effect."""
        return next(iter(self.handles.values()), None) or self._first()

    def _first(self) -> Db:
        assert self.db is not None, "handles are opened before anything else"
        return self.db

    def _finish(self, result: Any, response: Response) -> None:
        """Commit the change with its audit row and its answer, then hand on what it commands."""
        first = self._first()
        first.admit()
        keyed = self._keyed()
        if not any(db.noted for db in (first, *self.handles.values())):
            self._note(keyed, getattr(result, "id", None))
        for db in {id(d): d for d in (*self.handles.values(), first)}.values():
            if db.claim:
                db.later(REMEMBER, **self._answer_row(db.claim, response))
            db.finish()
            outbox.hand_on(db)

    def _note(self, keyed: Db, resource: Any) -> None:
        """A change that nobody described, or a look of the platform into a tenant: either leaves its row."""
        if self.actor is None:
            return
        told = self.route.name, self.route.path.removeprefix(PREFIX).split("/")[1], resource
        if self.request.writes:
            audit.note(keyed, *told)
        elif self.actor.is_platform or self.actor.impersonator:
            for db in self.handles.values():
                if db.tenant != PLATFORM:
                    audit.note(db, *told)

    def _answer_row(self, claim: Claim, response: Response) -> dict[str, Any]:
        headers = {k: v for k, v in response.headers.items() if k in KEPT_HEADERS}
        headers["Content-Type"] = response.content_type
        facts = {"status": response.status, "headers": json.dumps(headers), "body": response.body}
        return {**claim.params(), **facts, "now": clock.now()}

    def failed(self, refusal: Problem) -> Response:
        """Undo what was begun; keep the answer under its key if a replay should repeat it."""
        if isinstance(refusal, Moved) and refusal.tenant:
            cells.forget(refusal.tenant)
        response = problem(refusal, self.request)
        for db in self.handles.values():
            db.rollback()
            if db.claim and (db._claimed or db._leased):
                claim, db.claim = db.claim, None
                if refusal.replayable():
                    db.run(REMEMBER, **self._answer_row(claim, response))
                elif db._leased:
                    db.run(RELEASE, **claim.params())
        return response

    def replayed(self, replay: Replay) -> Response:
        """The first answer again, byte for byte."""
        answer = json.loads(replay.answer)
        headers = answer["headers"]
        kind = headers.pop("Content-Type")
        body = base64.b64decode(answer["body"])
        return Response(answer["status"], body, kind, {**headers, "Idempotency-Replayed": "true"})

    def close(self) -> None:
        """Nothing stays open after the answer."""
        for db in (*self.handles.values(), *([self.db] if self.db else [])):
            db.rollback()
