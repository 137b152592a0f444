"""The requests and answers of README.md, for client programs in Python."""
import base64
import json
import sys


def to_bytes(text):
    return None if text is None else base64.b64decode(text)


def to_text(data):
    return None if data is None else base64.b64encode(bytes(data)).decode()


def as_record(partition, offset, timestamp, key, value, headers):
    return {"partition": partition, "offset": offset, "timestamp": timestamp, "key": to_text(key), "value": to_text(value),
            "headers": [[name, to_text(data)] for name, data in headers or []]}


def headers_of(record):
    return [(name, to_bytes(data)) for name, data in record["headers"]]


def poured(name, number):
    """Key and value of a record that `pour` sends."""
    return f"{name}-{number % 1000}".encode(), f"{name} {number} ".encode() + "값".encode() * (number % 60)


def drained(partition, offset, value):
    """The line that `drain` writes of it."""
    name, number, _ = value.split(b" ", 2)
    return b"%d %d %s %s\n" % (partition, offset, name, number)


def serve(handlers):
    """`handlers`: from the name of a request to a function of (address, request) that returns the answer."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = handlers[request["do"]](sys.argv[1], request)
        except Exception as e:
            answer = {"error": f"{type(e).__name__}: {e}"}
        print(json.dumps(answer), flush=True)
