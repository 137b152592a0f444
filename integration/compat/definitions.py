"""Kafka's definitions of its messages and records, as they lie in its jars, in the shape in which our programs print ours."""
import json
import zipfile

import kafka_peer

ZERO = {"string": "", "bool": False, "uuid": "A" * 22, "bytes": ""}


def read_definitions(jar, folder):
    found = {}
    with zipfile.ZipFile(kafka_peer.jars() / f"{jar}-{kafka_peer.VERSION}.jar") as archive:
        for name in archive.namelist():
            if name.startswith(folder) and name.endswith(".json"):
                lines = archive.read(name).decode().splitlines()
                message = json.loads("\n".join(line for line in lines if not line.strip().startswith("//")))
                found[message["name"]] = message
    return found


def default_of(field, nested):
    """As our program prints it."""
    kind, given = field["type"], field.get("default")
    if given == "null" or kind == "records":
        return None
    if kind.startswith("[]"):
        return []
    if nested is not None:
        return {inner["name"][0].lower() + inner["name"][1:]: inner["default"] for inner in nested}
    if kind == "bool":
        return str(given).lower() == "true"
    if kind in ZERO:
        return ZERO[kind] if given is None else given
    return float(given or 0) if kind == "float64" else int(str(given or 0), 0)


def normal(fields, structs):
    """Kafka's fields in the shape in which ours are printed."""
    result = []
    for field in fields:
        array, element = field["type"].startswith("[]"), field["type"].removeprefix("[]")
        is_struct = element[0].isupper()
        nested = normal(field.get("fields") or structs[element], structs) if is_struct else None
        shape = {"name": field["name"], "type": ("[]" if array else "") + ("struct" if is_struct else element), "versions": field["versions"],
                 "nullableVersions": field.get("nullableVersions", "none"), "default": default_of(field, nested), "fields": nested or []}
        if "tag" in field:
            shape |= {"tag": field["tag"], "taggedVersions": field["taggedVersions"]}
        if "flexibleVersions" in field:
            shape["flexibleVersions"] = field["flexibleVersions"]
        result.append(shape)
    return result
