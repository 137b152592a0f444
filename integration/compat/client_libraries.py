"""Where the libraries of test_clients.py are, and the command that runs each client program. `python3 client_libraries.py` installs them.

All lie below the user's cache, each in a folder named by the hash of its lock file, so that a changed version is a new folder. What cannot be
installed leaves its reason beside, and its tests skip with it."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

import kafka_peer

CLIENTS = kafka_peer.HERE / "clients"
NAMES = ["java", "confluent-kafka", "kafka-python", "aiokafka", "kafkajs", "franz-go", "sarama"]


def cache():
    return pathlib.Path(os.environ.get("CAFKA_CACHE", pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "cafka")) / "clients"


def folder(name, *inputs):
    digest = hashlib.sha256(b"".join(one.read_bytes() for one in inputs)).hexdigest()[:12]
    return cache() / f"{name}-{digest}"


def run(*command, **options):
    done = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} exited {done.returncode}: {done.stdout.decode(errors='replace')[-600:]}")


def java(make):
    if not shutil.which("javac"):
        return None, "no javac"
    source = CLIENTS / "JavaClient.java"
    at = folder("java", source, kafka_peer.HERE / "pom.xml")
    make(at, lambda to: run("javac", "-cp", f"{kafka_peer.jars()}/*", "-d", to, source))
    return at, ["java", "-Xmx256M", "-XX:TieredStopAtLevel=1", "-cp", f"{at}:{kafka_peer.jars()}/*", "JavaClient"]


def in_python(name, program):
    def get(make):
        locked = CLIENTS / f"{name}.txt"
        at = folder(name, locked)

        def build(to):
            run("/usr/bin/python3", "-m", "venv", to)
            run(to / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:", "--require-hashes", "-r", locked)

        make(at, build)
        return at, [at / "bin" / "python3", CLIENTS / program]
    return get


confluent_kafka = in_python("confluent-kafka", "confluent_client.py")
kafka_python = in_python("kafka-python", "kafka_python_client.py")
aiokafka = in_python("aiokafka", "aiokafka_client.py")


def kafkajs(make):
    if not shutil.which("npm"):
        return None, "no npm"
    program = CLIENTS / "kafkajs"
    locked = [program / "package.json", program / "package-lock.json"]
    at = folder("kafkajs", *locked)

    def build(to):
        for one in locked:
            shutil.copy(one, to)
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=to)

    make(at, build)
    return at, ["env", f"NODE_PATH={at / 'node_modules'}", "KAFKAJS_NO_PARTITIONER_WARNING=1", "node", program / "client.js"]


def in_go(name):
    def get(make):
        if not shutil.which("go"):
            return None, "no go"
        program = CLIENTS / name
        at = folder(name, *(program / one for one in ("go.mod", "go.sum", "main.go")))
        if os.environ.get("CI") == "true" and not at.is_dir():
            return None, "Go's libraries take minutes to build: not in CI, only by scripts/test compat"
        # a Go that is older than the libraries want is a reason to skip, not to fetch another
        make(at, lambda to: run("nice", "go", "build", "-C", program, "-buildvcs=false", "-mod=readonly", "-o", to / "client", ".",
                                env={**os.environ, "GOTOOLCHAIN": "local"}))
        return at, [at / "client"]
    return get


franz_go = in_go("franz-go")
sarama = in_go("sarama")


def install(at, build):
    """Builds into a folder that gets its name when it is whole."""
    if at.is_dir():
        return
    partial = at.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    at.with_suffix(".reason").unlink(missing_ok=True)
    try:
        build(partial)
        partial.rename(at)
    except (RuntimeError, OSError, subprocess.SubprocessError) as e:
        at.with_suffix(".reason").write_text(str(e))


def only_look(at, build):
    pass


def command(name, make=only_look):
    """(command, None), or (None, why there is none)."""
    at, made = globals()[name.replace("-", "_")](make)
    if not at:
        return None, made
    if at.is_dir():
        return made, None
    reason = at.with_suffix(".reason")
    return None, reason.read_text() if reason.is_file() else "not installed: run integration/compat/setup"


if __name__ == "__main__":
    for one in NAMES:
        found, why = command(one, install)
        print(f"compat: client {one}:", "ready" if found else f"missing: {' '.join(why.split())[:300]}")
