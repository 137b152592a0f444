"""Nodes for the tests: `node` is shared by a file's tests, `new_node` makes one of its own for a test; all are ended by their pid."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from node import Node  # noqa: E402


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
