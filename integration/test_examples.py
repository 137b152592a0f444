"""The example programs of the client library, as its users will run them first."""
import os
import subprocess

from node import ROOT

EXAMPLES = ROOT / "build" / os.environ.get("CAFKA_PRESET", "release") / "examples"


def run(name, node, topic, text=""):
    done = subprocess.run([EXAMPLES / f"example_{name}", node.address, topic], input=text, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_admin_producer_and_consumer(node, topic):
    made = run("admin", node, topic)
    assert made[0].startswith(topic) and made[0].endswith("3 partitions")
    assert "  retention.ms=86400000" in made
    assert len([line for line in made if "leader 1, ends at 0" in line]) == 3

    sent = run("producer", node, topic, "열쇠:안녕\n열쇠:하세요\nno key\n")
    assert len(sent) == 3 and all(line.startswith("partition ") for line in sent)

    read = run("consumer", node, topic)
    korean = [line.split(" ", 1)[1] for line in read if "열쇠" in line]
    assert korean == ["열쇠 안녕", "열쇠 하세요"]
    assert len(read) == 3 and any(line.endswith(" - no key") for line in read)


def test_a_topic_that_does_not_exist_is_told(node):
    done = subprocess.run([EXAMPLES / "example_producer", node.address, "missing"], input="x\n", text=True, capture_output=True, timeout=60)
    assert done.returncode == 1
    assert "UNKNOWN_TOPIC_OR_PARTITION" in done.stderr and "not written" in done.stderr
