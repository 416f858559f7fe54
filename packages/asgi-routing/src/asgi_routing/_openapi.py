"""The path parameters of an operation, as OpenAPI 3 describes them: made of the template and the convertors of a route.

Rule: what a docstring, `Route(openapi=)` or the base schema declares is kept; here only what they leave out is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from .convertors import Convertor
from .paths import PARAM_FORMAT_REGEX


def path_parameters(path: str, convertors: Mapping[str, Convertor[Any]]) -> list[dict[str, Any]]:
    """Return the parameters of a template without convertors; one whose convertor is unknown is a string."""
    names = dict.fromkeys(PARAM_FORMAT_REGEX.findall(path))
    return [{"name": name, "in": "path", "required": True, "schema": _schema(convertors.get(name))} for name in names]


def with_parameters(
    operation: Mapping[str, Any], parameters: list[dict[str, Any]], shared: Any, document: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an operation with the path parameters that neither it nor `shared`, those of its path, declares.

    A declared parameter keeps its fields and is given those it lacks. `document` is what `$ref` refers to.
    """
    missing = {parameter["name"]: parameter for parameter in parameters}
    # An operation's own parameter would replace that of its path (OpenAPI, Path Item Object).
    for declared in _listed(shared):
        missing.pop(_path_name(declared, document), None)
    filled = []
    for declared in _listed(operation.get("parameters")):
        made = missing.pop(_path_name(declared, document), None)
        filled.append(declared if made is None or "$ref" in declared else _completed(declared, made))
    listed = [*missing.values(), *filled]
    return {**operation, "parameters": listed} if listed else dict(operation)


def _schema(convertor: Convertor[Any] | None) -> dict[str, Any]:
    """Return the schema of a convertor, a copy: YAML would write one object in two places as an alias."""
    if convertor is None:
        return {"type": "string"}
    owners = [getattr(owner, "__dict__", {}) for owner in (convertor, *type(convertor).__mro__)]
    # The first that says anything of the text: a new `regex` may allow another than that which the base describes.
    own = next((own for own in owners if "openapi" in own or "regex" in own), {})
    return deepcopy(dict(convertor.openapi)) if "openapi" in own else {"type": "string"}


def _listed(parameters: Any) -> list[Any]:
    return parameters if isinstance(parameters, list) else list(parameters or ())


def _completed(declared: Mapping[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    completed = {**made, **declared}
    if "content" in declared and "schema" not in declared:  # one of the two, never both (OpenAPI, Parameter Object)
        del completed["schema"]
    return completed


def _path_name(declared: Any, document: Mapping[str, Any]) -> str:
    """Return the name of a declared path parameter, and "" for any other; without `in`, it is one of the path."""
    if not isinstance(declared, Mapping):
        return ""
    reference = declared.get("$ref")
    if isinstance(reference, str):
        # In another document, it cannot be read: most are called as their parameter.
        declared = _resolved(reference, document) or {"name": reference.rpartition("/")[2]}
    return str(declared.get("name", "")) if declared.get("in", "path") == "path" else ""


def _resolved(reference: str, document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a JSON pointer such as `#/components/parameters/id` refers to (RFC 6901)."""
    found: Any = document
    for key in reference.removeprefix("#/").split("/"):
        found = found.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None
