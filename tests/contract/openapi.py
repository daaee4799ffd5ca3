"""Cal.com's published OpenAPI as a judge of requests and answers.

The file is found by the environment variable ``CALCOM_OPENAPI`` and stays where it is. Mark a test
``needs_openapi`` (or a module with ``pytestmark``), then::

    check_request("GET", "/v2/slots", {"eventTypeId": "123", ...}, {"cal-api-version": ...}, None)
    check_response("GET", "/v2/slots", 200, {"status": "success", "data": {}})

Both raise ``AssertionError`` with a sentence saying where and why. The file is read and prepared
once a session; schemas are resolved when first used.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

VARIABLE = "CALCOM_OPENAPI"
ROOT = "urn:calcom"
# One value among an enumeration is what the file says; Cal.com takes several with commas between.
COMMA_LISTS = frozenset(("status",))
ERRORS = {"anyOf": [{"$ref": f"{ROOT}#/x-errors/nest"}, {"$ref": f"{ROOT}#/x-errors/raw"}]}
ENVELOPES = {
    "nest": {
        "type": "object",
        "properties": {
            "status": {"enum": ["error"]},
            "timestamp": {"type": "string"},
            "path": {"type": "string"},
            "error": {
                "type": "object",
                "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
                "required": ["code", "message"],
            },
        },
        "required": ["status", "timestamp", "path", "error"],
    },
    "raw": {
        "type": "object",
        "properties": {"statusCode": {"type": "integer"}, "message": {"type": "string"}},
        "required": ["statusCode", "message"],
    },
}

formats = FormatChecker(formats=())


@formats.checks("date-time")
def is_date_time(value: object) -> bool:
    return not isinstance(value, str) or bool(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value)
    )


@formats.checks("email")
def is_email(value: object) -> bool:
    return not isinstance(value, str) or bool(re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value))


@formats.checks("uri")
def is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(re.fullmatch(r"[a-z][a-z0-9+.-]*:\S+", value))


def missing() -> str | None:
    """Why the contract cannot be checked here, or None."""
    path = os.environ.get(VARIABLE)
    if not path:
        return f"{VARIABLE} names no OpenAPI file of Cal.com"
    return None if Path(path).is_file() else f"{VARIABLE}: there is no such file"


needs_openapi = pytest.mark.skipif(missing() is not None, reason=missing() or "")


def repaired(document: dict[str, Any]) -> dict[str, Any]:
    """The file's own slips put right, each where nothing could ever satisfy what is written."""
    schemas = document["components"]["schemas"]
    # Two classes of one name: the reservation that is read back refers to its own envelope.
    fields = dict(schemas["ReserveSlotOutput_2024_09_04"])
    fields["required"] = [name for name in fields["required"] if name != "reservationDuration"]
    schemas["GetReservedSlotOutput_2024_09_04"]["properties"]["data"] = {**fields, "nullable": True}
    document["x-errors"] = ENVELOPES
    return document


def plain(schema: Any) -> Any:
    """``nullable`` in the words of JSON Schema, and references that hold wherever they stand."""
    if isinstance(schema, list):
        return [plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: plain(value) for key, value in schema.items() if key not in ("example", "examples")}
    if str(result.get("$ref", "")).startswith("#"):
        return {"$ref": ROOT + result["$ref"]}
    if result.pop("nullable", False) is True:
        return {"anyOf": [{"type": "null"}, result]}
    return result


class Contract:
    """Operations by method and path, and the validators made for them so far."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = plain(repaired(document))
        resource = Resource.from_contents(self.document, default_specification=DRAFT4)
        self.registry: Registry[Any] = Registry().with_resource(ROOT, resource)
        self.operations = [
            (re.compile("^" + re.sub(r"\{\w+\}", "[^/]+", path) + "$"), path, operations)
            for path, operations in sorted(self.document["paths"].items(), key=lambda item: "{" in item[0])
        ]
        self._validators: dict[str, Draft4Validator] = {}

    def operation(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        """The template and the operation of a request's path; its query is cut off."""
        path = path.partition("?")[0]
        for regex, template, operations in self.operations:
            if regex.match(path) and method.lower() in operations:
                return template, operations[method.lower()]
        raise AssertionError(f"{method} {path}: not in Cal.com's API")

    def problem(self, pointer: str, schema: Mapping[str, Any], value: object) -> str:
        """What is wrong with a value, or ""; ``pointer`` names the schema for the cache."""
        validator = self._validators.get(pointer)
        if validator is None:
            validator = Draft4Validator(schema, registry=self.registry, format_checker=formats)
            self._validators[pointer] = validator
        return "; ".join(told(error) for error in islice(validator.iter_errors(value), 3))


def told(error: ValidationError) -> str:
    """Where and why; of alternatives, what is wrong with the one that comes nearest."""
    branches: dict[Any, list[ValidationError]] = {}
    for one in error.context or ():
        branches.setdefault(one.schema_path[0], []).append(one)
    if branches:
        nearest = min(branches.values(), key=lambda errors: distance(error, errors))
        return "; ".join(told(one) for one in nearest[:3])
    where = ".".join(str(part) for part in error.absolute_path) or "the whole"
    said = error.message
    return f"{where}: {said if len(said) < 400 else said[:150] + ' … ' + said[-200:]}"


def distance(error: ValidationError, errors: list[ValidationError]) -> tuple[bool, int]:
    """A branch for another kind of value altogether is far; else the fewest complaints win."""
    depth = len(error.absolute_path)
    return any(one.validator == "type" and len(one.absolute_path) == depth for one in errors), len(errors)


@cache
def contract() -> Contract:
    """The file of this session. Raises ``AssertionError`` when the variable names none."""
    reason = missing()
    assert reason is None, reason
    return Contract(json.loads(Path(os.environ[VARIABLE]).read_bytes()))


def check_request(
    method: str,
    path: str,
    query: Mapping[str, Any] | None,
    headers: Mapping[str, str],
    body: object = None,
) -> None:
    """A request as sent: ``query`` and ``headers`` as texts, ``body`` the parsed JSON or ``None``."""
    judge = contract()
    template, operation = judge.operation(method, path)
    name = f"{method} {template}"
    given = {key.lower(): value for key, value in headers.items()}
    parameters = {(one["in"], one["name"]): one for one in operation.get("parameters", [])}
    unknown = sorted(set(query or {}) - {key for place, key in parameters if place == "query"})
    assert not unknown, f"{name}: the query {unknown[0]!r} is not documented"
    for (place, key), parameter in parameters.items():
        if place == "path":
            continue
        value = given.get(key.lower()) if place == "header" else (query or {}).get(key)
        if value is None:
            assert not parameter.get("required"), f"{name}: {place} {key!r} is missing"
            continue
        for part in parts_of(key, value):
            schema = parameter["schema"]
            problem = judge.problem(f"{name} {place} {key}", schema, coerced(part, schema))
            assert not problem, f"{name}: {place} {key}={part!r}: {problem}"
    check_body(judge, name, operation, body)


def check_body(judge: Contract, name: str, operation: Mapping[str, Any], body: object) -> None:
    described = operation.get("requestBody")
    if described is None:
        assert body in (None, {}), f"{name}: takes no body"
        return
    if body is None:
        assert not described.get("required"), f"{name}: the body is missing"
        return
    schema = described["content"]["application/json"]["schema"]
    problem = judge.problem(f"{name} body", schema, body)
    assert not problem, f"{name}: body: {problem}"


def check_response(method: str, path: str, status: int, body: object) -> None:
    """An answer's parsed JSON. Statuses the file does not list must be one of the error envelopes."""
    judge = contract()
    template, operation = judge.operation(method, path)
    name = f"{method} {template} {status}"
    described = operation["responses"].get(str(status))
    if described is None:
        assert status >= 400, f"{name}: this status is not documented"
        problem = judge.problem("errors", ERRORS, body)
    else:
        schema = described.get("content", {}).get("application/json", {}).get("schema", {})
        problem = judge.problem(name, schema, body)
    assert not problem, f"{name}: {problem}"


def parts_of(key: str, value: object) -> Sequence[object]:
    if isinstance(value, list | tuple):
        return value
    if key in COMMA_LISTS and isinstance(value, str):
        return value.split(",")
    return [value]


def coerced(value: object, schema: Mapping[str, Any]) -> object:
    """A query's text as what its schema calls for; a text that is no number stays one, and fails."""
    if schema.get("type") in ("number", "integer") and isinstance(value, str):
        return float(value) if re.fullmatch(r"-?\d+(\.\d+)?", value) else value
    if schema.get("type") == "boolean" and value in ("true", "false"):
        return value == "true"
    return value
