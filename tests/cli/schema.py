# SPDX-License-Identifier: Apache-2.0
"""The part of JSON Schema that docs/verdict.schema.json speaks. A keyword that is unknown here is an error."""

import json
import re

import harness

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
SPOKEN = {"$schema", "title", "description", "type", "required", "properties", "items", "enum", "pattern", "minimum",
          "$ref", "$defs"}


def problems(value, schema, at="$", root=None):
    """What is wrong with the value, each with its place. A $ref names one of the root's $defs."""
    root = root or schema
    if "$ref" in schema:
        yield from problems(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], at, root)
        return
    unknown = set(schema) - SPOKEN
    if unknown:
        yield f"{at}: the schema speaks of {sorted(unknown)}"
    if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
        yield f"{at}: {value!r} is no {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{at}: {value!r} does not match {schema['pattern']}"
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{at}: {value!r} is less than {schema['minimum']}"
    for name in schema.get("required", []):
        if name not in value:
            yield f"{at}: {name} is missing"
    for name, inner in schema.get("properties", {}).items():
        if name in value:
            yield from problems(value[name], inner, f"{at}.{name}", root)
    if "items" in schema:
        for number, element in enumerate(value):
            yield from problems(element, schema["items"], f"{at}[{number}]", root)


def verdict(text):
    """The verdict that --json printed, which is as its schema says and holds nothing else."""
    schema = json.loads((harness.ROOT / "docs/verdict.schema.json").read_text())
    parsed = json.loads(text)
    found = list(problems(parsed, schema))
    found += [f"{name} is not in the schema" for name in parsed if name not in schema["properties"]]
    if ("error" in parsed) != (parsed["verdict"] == "refused"):
        found.append("a refusal has an error, and nothing else has one")
    if found:
        raise AssertionError("\n".join(found))
    return parsed
