"""Several listeners: each client is told the addresses of the listener that it came by, so that those behind a proxy stay behind it."""
import re
import shutil
import subprocess

import pytest

import cutting_proxy
from node import CAFKA, Node
from ports import free_port


@pytest.fixture(scope="module")
def behind_a_proxy(tmp_path_factory):
    """(node, proxy): the proxy leads to the listener OUTSIDE, whose advertised address is the proxy's."""
    outside = free_port()
    proxy = cutting_proxy.CuttingProxy(outside)
    node = Node(tmp_path_factory.mktemp("node"))
    node.overrides |= {
        "listeners": f"INSIDE://{node.address},OUTSIDE://127.0.0.1:{outside}",
        "advertised.listeners": f"INSIDE://{node.address},OUTSIDE://127.0.0.1:{proxy.port}",
        "listener.security.protocol.map": "INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT",
        "inter.broker.listener.name": "INSIDE",
    }
    node.start()
    yield node, proxy, outside
    node.kill()
    proxy.close()


def kcat(address, *arguments, stdin=b""):
    if not shutil.which("kcat"):
        pytest.skip("kcat is not installed")
    done = subprocess.run(["kcat", "-b", address, *arguments], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def told_address(address):
    return re.search(r"broker 1 at (\S+)", kcat(address, "-L").decode())[1]


def test_each_listener_tells_its_own_address(behind_a_proxy):
    node, proxy, outside = behind_a_proxy
    assert told_address(node.address) == node.address
    assert told_address(f"127.0.0.1:{outside}") == f"127.0.0.1:{proxy.port}"
    assert told_address(f"127.0.0.1:{proxy.port}") == f"127.0.0.1:{proxy.port}"


def test_records_go_through_the_proxy(behind_a_proxy):
    node, proxy, _ = behind_a_proxy
    address = f"127.0.0.1:{proxy.port}"
    node.cafka("topic", "create", "through", "--partitions", "1")
    kcat(address, "-t", "through", "-P", stdin=b"by kafka\n")
    subprocess.run([CAFKA, "produce", "through", "-b", address], input=b"by cafka\n", check=True, timeout=60)
    assert kcat(address, "-t", "through", "-C", "-e", "-q") == b"by kafka\nby cafka\n"
    assert node.cafka("consume", "through", "--from-beginning", "--exit-at-end").stdout == b"by kafka\nby cafka\n"


@pytest.mark.parametrize("settings, message", [
    ({"listeners": "A://127.0.0.1:0,A://127.0.0.1:0"}, "listeners"),
    ({"listeners": "PLAINTEXT://127.0.0.1:0", "advertised.listeners": "OTHER://127.0.0.1:1"}, "advertised.listeners"),
    ({"listeners": "PLAINTEXT://127.0.0.1:0", "advertised.listeners": "PLAINTEXT://0.0.0.0:1"}, "advertised.listeners"),
    ({"listeners": "UNMAPPED://127.0.0.1:0"}, "listener"),
    ({"listeners": "SSL://127.0.0.1:0"}, "listener"),
])
def test_what_cannot_be(tmp_path, settings, message):
    data = tmp_path / "data"
    command = [CAFKA, "start"] + [part for key, value in {"log.dirs": data, **settings}.items() for part in ("--override", f"{key}={value}")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    assert done.returncode == 2, done.stdout.decode()
    assert message in done.stdout.decode() and not data.exists()
