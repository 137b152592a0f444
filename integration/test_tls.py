"""Nodes that meet by TLS: the cluster works as without, and whoever has no certificate of its authority is told so and kept out."""
import hashlib
import os
import signal
import socket
import ssl
import threading
import time

import pytest

import raw_kafka
from certificates import Authority
from cluster import Cluster, HistoryWriter
from test_cluster import check_all, write_to

PROTOCOLS = "PLAINTEXT:PLAINTEXT,CONTROLLER:SSL"


def secure(node, authority, keystore=None):
    node.overrides.update({"listener.security.protocol.map": PROTOCOLS, "ssl.truststore.location": str(authority.certificate),
                           "ssl.keystore.location": str(keystore or authority.sign(node.id))})


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.fixture
def unborn(tmp_path, authority):
    made = Cluster(tmp_path)
    for node in made.nodes:
        secure(node, authority)
    yield made
    for node in made.nodes:
        if node.process and node.process.poll() is None:
            node.process.send_signal(signal.SIGCONT)
    made.kill()


@pytest.fixture
def cluster(unborn):
    return unborn.start()


def test_a_cluster_with_tls_loses_nothing_when_nodes_are_killed_and_hang(cluster):
    for node in cluster.nodes:
        assert node.find_line("meets the others at .* by TLS")
    writers = write_to(cluster, "secret")
    for victim, end, back in ((cluster.node(1), signal.SIGKILL, None), (cluster.node(2), signal.SIGSTOP, signal.SIGCONT), (cluster.node(3), signal.SIGKILL, None)):
        for writer in writers:
            writer.wait_for(30)
        victim.process.send_signal(end)
        began = time.monotonic()
        at = cluster.others(victim.id)[0]
        cluster.wait_for("secret", lambda leader, replicas, isr: leader not in (None, victim.id) and victim.id not in isr, at, f"life without {victim.id}")
        if end == signal.SIGKILL:  # the end of its links, and that nobody listens any more, are seen as without TLS: no session had to end
            assert any(node.find_line(f"broker {victim.id} is gone: nothing listens at its address; fenced") for node in cluster.others(victim.id)), \
                f"fenced only by its session, after {time.monotonic() - began:.1f} s"
        for writer in writers:
            writer.wait_for(30)
        if back:
            victim.process.send_signal(back)
        else:
            victim.process.wait()
            victim.start()
        cluster.wait_for_whole_isr("secret")
    check_all(cluster, "secret", writers)
    cluster.stop()
    for node in cluster.nodes:
        assert node.process.returncode == 0 and node.find_line("stopped$")
    cluster.start()
    cluster.wait_for_whole_isr("secret")


def test_separate_roles_with_tls(tmp_path, authority):
    cluster = Cluster(tmp_path / "apart", roles=[Cluster.BROKER, Cluster.CONTROLLER, Cluster.BROKER])
    for node in cluster.all():
        secure(node, authority)
    try:
        cluster.start()
        writers = write_to(cluster, "apart")
        for writer in writers:
            writer.wait_for(20)
            writer.finish()
        for partition, (leader, _, _) in cluster.wait_for_whole_isr("apart").items():
            writers[partition].check(cluster.node(leader))
    finally:
        cluster.kill()


def join_with(cluster, number, **overrides):
    """Restarts a node with other settings for its links."""
    node = cluster.node(number)
    node.stop()
    node.overrides.update({key.replace("_", "."): str(value) for key, value in overrides.items()})
    return node.launch()


def check_kept_out(cluster, node, at_node, at_others):
    """Both sides say why; the two that are left go on."""
    node.wait_for_line(at_node)
    for other in cluster.others(node.id):
        other.wait_for_line(at_others)
    cluster.nodes[0].cafka("topic", "create", "of-two", "--replication-factor", 2)
    assert not node.find_line("linked to node")


def test_a_node_of_another_authority_is_kept_out(cluster, tmp_path):
    theirs = Authority(tmp_path / "theirs", "others")
    node = join_with(cluster, 3, ssl_truststore_location=theirs.certificate, ssl_keystore_location=theirs.sign(3))
    check_kept_out(cluster, node, "no link to node 1 .*its certificate is not accepted", "closed the connection of .*does not accept this node's certificate")


def test_a_node_that_trusts_all_but_has_a_certificate_of_nobody_is_kept_out(cluster, tmp_path, authority):
    """It accepts the others; they do not accept it."""
    theirs = Authority(tmp_path / "theirs", "others")
    both = tmp_path / "both.pem"
    both.write_text(authority.certificate.read_text() + theirs.certificate.read_text())
    node = join_with(cluster, 3, ssl_truststore_location=both, ssl_keystore_location=theirs.sign(3))
    check_kept_out(cluster, node, "no link to node 1 .*(does not accept this node's certificate|closed the connection before)", "its certificate is not accepted")


def test_a_node_without_tls_is_kept_out(cluster):
    node = join_with(cluster, 3, listener_security_protocol_map="PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT")
    check_kept_out(cluster, node, "no link to node 1 .*it speaks TLS, which this node's listener for nodes does not", "it does not speak TLS")


def test_a_node_with_tls_among_those_without_is_kept_out(tmp_path, authority):
    cluster = Cluster(tmp_path / "plain")
    try:
        cluster.start()
        node = cluster.node(3)
        node.stop()
        secure(node, authority)
        node.launch()
        check_kept_out(cluster, node, "no link to node 1 .*it closed the connection in the TLS handshake: listener.security.protocol.map must say SSL",
                       "it speaks TLS, which this node's listener for nodes does not")
    finally:
        cluster.kill()


def refusal_of(node):
    node.launch()
    assert node.process.wait(timeout=30) == 1
    return node.wait_for_line("ssl\\.", 5)


def test_files_that_do_not_fit_are_refused_at_the_start(unborn, authority, tmp_path):
    node = unborn.node(1)

    def with_keystore(path):
        node.overrides["ssl.keystore.location"] = str(path)
        return refusal_of(node)

    assert f"ssl.keystore.location: {tmp_path}/absent: No such file or directory" in with_keystore(tmp_path / "absent")
    assert "the certificate expired on" in with_keystore(authority.sign(1, days=(-9, -1)))
    assert "the certificate is not valid before" in with_keystore(authority.sign(1, days=(1, 9)))
    assert "the certificate is for 'node-7', this node is node-1" in with_keystore(authority.sign(1, name="node-7"))
    assert "does not name 127.0.0.1" in with_keystore(authority.sign(1, names="DNS:elsewhere.example.org"))
    assert "is not signed by an authority" in with_keystore(Authority(tmp_path / "theirs").sign(1))
    assert "encrypted: set ssl.key.password" in with_keystore(authority.sign(1, password="opensesame"))
    mixed = tmp_path / "mixed.pem"
    mixed.write_text((authority.base / "node-2.key").read_text() + (authority.base / "node-3.crt").read_text())
    assert "the private key does not belong to the certificate" in with_keystore(mixed)
    if os.geteuid() != 0:
        mixed.chmod(0)
        assert "Permission denied" in with_keystore(mixed)
    assert not node.data.exists() or not any(node.data.iterdir()), "nothing was touched"
    node.overrides["ssl.key.password"] = "opensesame"
    node.overrides["ssl.keystore.location"] = str(authority.sign(1, password="opensesame"))
    unborn.start()
    del node.overrides["ssl.key.password"]
    del node.overrides["ssl.keystore.location"]
    node.stop()
    node.launch()
    assert node.process.wait(timeout=30) == 2
    assert "ssl.keystore.location (default): expected a PEM file" in node.wait_for_line("ssl\\.", 5)


def test_a_certificate_that_expires_is_refused_by_the_others(cluster, authority):
    """The node itself would not start with it: so it is one that talks TLS by other means."""
    expired = authority.sign(9, days=(-9, -1))
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.check_hostname = False
    context.load_cert_chain(expired)
    target = cluster.node(1)
    with socket.create_connection(("127.0.0.1", target.node_port), timeout=20) as plain:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            with context.wrap_socket(plain) as peer:
                peer.sendall(b"cafka-nd")
                if peer.recv(1) == b"":
                    raise ConnectionError
    assert "certificate has expired" in target.wait_for_line("its certificate is not accepted")


def test_one_certificate_does_not_speak_for_another_node(cluster, authority):
    """Node 3's files in the hands of who says that he is node 2: the host fits, the authority too."""
    node = cluster.node(2)
    node.stop()
    node.overrides["ssl.keystore.location"] = str(authority.base / "node-3.pem")
    node.launch()
    assert node.process.wait(timeout=30) == 1  # the honest way
    assert "the certificate is for 'node-3', this node is node-2" in node.wait_for_line("ssl\\.", 5)


def test_garbage_and_silence_at_the_port_for_nodes(cluster):
    target = cluster.node(1)
    silent = [socket.create_connection(("127.0.0.1", target.node_port), timeout=30) for _ in range(20)]
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"\x16\x03\x01\xff\xff" + os.urandom(512), raw_kafka.frame(raw_kafka.header(18, 0)), b"cafka-nd\x00\x40" + bytes(64)):
        with socket.create_connection(("127.0.0.1", target.node_port), timeout=30) as peer:
            peer.sendall(garbage)
            while True:
                try:
                    if not peer.recv(4096):  # an alert, then the end
                        break
                except ConnectionResetError:
                    break
    for each in silent:  # given up after a second
        assert each.recv(100) == b""
        each.close()
    target.wait_for_line("it does not speak TLS")
    target.wait_for_line("it did not answer in time")
    before = target.resident_bytes()
    for _ in range(300):
        with socket.create_connection(("127.0.0.1", target.node_port), timeout=30) as peer:
            peer.sendall(os.urandom(100))
    assert target.resident_bytes() < before + (32 << 20)
    cluster.node(2).kill()
    cluster.node(2).start()  # links come in as before
    cluster.nodes[0].cafka("topic", "create", "after")
    cluster.wait_for_whole_isr("after")


def test_nothing_readable_goes_between_nodes(tmp_path, authority):
    """What a writer sends to the leader is not found in what passes between nodes: a tap on each link. Without TLS it is."""

    class Tap:
        """Stands between a dialler and the node it dials, and keeps all that passes."""

        def __init__(self, to):
            self.to, self.seen = to, bytearray()
            self.door = socket.create_server(("127.0.0.1", 0))
            self.port = self.door.getsockname()[1]
            threading.Thread(target=self._accept, daemon=True).start()

        def _accept(self):
            while True:
                try:
                    one, _ = self.door.accept()
                except OSError:
                    return
                try:
                    other = socket.create_connection(("127.0.0.1", self.to))
                except OSError:  # not up yet
                    one.close()
                    continue
                for a, b in ((one, other), (other, one)):
                    threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

        def _carry(self, a, b):
            try:
                while data := a.recv(65536):
                    self.seen += data
                    b.sendall(data)
            except OSError:
                pass
            for each in (a, b):
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    secret = b"nobody-else-reads-this-" * 4
    found = {}
    for tls in (False, True):
        cluster = Cluster(tmp_path / f"tls-{tls}")
        try:
            taps = {node.id: Tap(node.node_port) for node in cluster.nodes}
            for node in cluster.nodes:
                if tls:
                    secure(node, authority)
                node.overrides["controller.quorum.voters"] = ",".join(
                    f"{other.id}@127.0.0.1:{taps[other.id].port}" for other in cluster.nodes)
            cluster.start()
            cluster.nodes[0].cafka("topic", "create", "told", "--partitions", 3)
            cluster.wait_for_whole_isr("told")
            for partition in range(3):
                cluster.nodes[0].cafka("produce", "told", "--partition", partition, stdin=secret + b"\n")
            cluster.wait_for_whole_isr("told")
            found[tls] = any(secret in tap.seen for tap in taps.values())
            assert sum(len(tap.seen) for tap in taps.values()) > 10_000
        finally:
            cluster.kill()
            for tap in taps.values():
                tap.door.close()
    assert found == {False: True, True: False}
