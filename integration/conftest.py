"""Nodes for the tests: `node` is shared by a file's tests, `new_node` makes one of its own for a test; all are ended by their pid."""
import importlib
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from node import ROOT, Node  # noqa: E402


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    started = Node(tmp_path_factory.mktemp("node")).start()
    yield started
    started.kill()


@pytest.fixture
def new_node(tmp_path):
    made = []

    def make(name="node", **settings):
        made.append(Node(tmp_path / name, **settings))
        return made[-1]

    yield make
    for one in made:
        one.kill()


@pytest.fixture
def topic(request, node):
    """A name that no other test of this file uses."""
    return "t-" + "".join(c if c.isalnum() else "-" for c in request.node.name)[:200]


@pytest.fixture(scope="session")
def cafka_client(tmp_path_factory):
    """The module examples/python/cafka_client.py, with the protocol's messages generated for it."""
    made = tmp_path_factory.mktemp("generated")
    proto = shutil.which("protoc")
    assert proto, "protoc is missing: scripts/setup installs it"
    subprocess.run([proto, f"--python_out={made}", "-I", ROOT / "proto", "native.proto"], check=True)
    sys.path[:0] = [str(made), str(ROOT / "examples" / "python")]
    yield importlib.import_module("cafka_client")
    del sys.path[:2]
