#!/usr/bin/python3
"""Each rule of lint_rules.py, with texts that it must refuse and texts that it must let pass."""

import sys

sys.dont_write_bytecode = True

from lint_rules import RULES, Source

REFUSED = {
    "include-direction": [
        ("src/base/a.cpp", '#include "storage/record_batch.hpp"\n'),
        ("src/storage/a.cpp", "#include <actors/node.hpp>\n"),
        ("src/election/a.hpp", '#include "replication/leader.hpp"\n'),
        ("src/election/a.hpp", '#include "storage/file_system.hpp"\n'),
        ("src/net/a.cpp", '#include "actors/messages.hpp"\n'),
        ("src/client/a.cpp", '#include "net/session.hpp"\n'),
        ("src/net/kafka/a.cpp", '#include "a.hpp"\n'),
    ],
    "caf-headers": [("src/net/a.hpp", "#include <caf/actor.hpp>\n"), ("src/cli/a.cpp", "  #  include <caf/all.hpp>\n")],
    "protobuf-headers": [
        ("src/net/kafka/a.cpp", '#include "proto/native.pb.h"\n'),
        ("src/actors/a.cpp", "#include <google/protobuf/message.h>\n"),
    ],
    "asio-headers": [("src/actors/partition.cpp", "#include <boost/asio.hpp>\n"), ("src/storage/a.cpp", "#include <boost/asio/buffer.hpp>\n")],
    "pure-cores": [
        ("src/election/a.cpp", "auto now = std::chrono::steady_clock::now();\n"),
        ("src/election/a.cpp", "auto now = time(nullptr);\n"),
        ("src/groups/a.cpp", "std::mt19937 generator;\n"),
        ("src/groups/a.cpp", "int x = rand();\n"),
        ("src/metadata/a.cpp", "#include <random>\n"),
        ("src/metadata/a.cpp", 'CAFKA_LOG_INFO("x");\n'),
        ("src/replication/a.hpp", "std::mutex mutex_;\n"),
    ],
    "no-sleep-in-tests": [
        ("tests/net/a_test.cpp", "std::this_thread::sleep_for(1ms);\n"),
        ("integration/test_a.py", "time.sleep(1)\n"),
        ("integration/test_a.py", "from time import monotonic, sleep\n"),
    ],
    "banned-calls": [
        ("src/base/a.cpp", "strcpy(a, b);\n"),
        ("src/base/a.cpp", "  std::system (command);\n"),
        ("src/base/a.cpp", "auto n = ::atoi(text);\n"),
    ],
    "file-size": [("src/base/a.cpp", "\n" * 801)],
    "no-markers": [("src/base/a.cpp", "// TODO: later\n"), ("scripts/a", "# FIXME\n")],
    "pragma-once": [("src/base/a.hpp", "int x;\n")],
    "suite-names": [("tests/base/crc_test.cpp", "#define CAF_SUITE crc32\n"), ("tests/base/crc_test.cpp", "")],
    "scripts-parse": [("scripts/a.py", "def f(:\n"), ("scripts/a", "#!/usr/bin/env bash\nif true; then\n")],
}

PASSED = {
    "include-direction": [
        ("src/storage/a.cpp", '#include "base/error.hpp"\n#include "storage/b.hpp"\n#include <vector>\n'),
        ("src/election/a.cpp", '#include "storage/record_batch.hpp"\n'),
        ("src/client/a.cpp", '#include "proto/native.pb.h"\n'),
        ("src/main.cpp", '#include "actors/node.hpp"\n'),
    ],
    "caf-headers": [("src/actors/a.hpp", "#include <caf/actor.hpp>\n"), ("tests/base/a_test.cpp", "#include <caf/test/dsl.hpp>\n")],
    "protobuf-headers": [("src/net/native/a.cpp", '#include "proto/native.pb.h"\n')],
    "asio-headers": [("src/actors/shard.hpp", "#include <boost/asio.hpp>\n")],
    "pure-cores": [
        ("src/election/a.cpp", "// not the time (nor rand())\nauto t = input.time(); auto s = \"std::mutex\";\n"),
        ("src/storage/a.cpp", "std::mutex mutex_;\n"),
    ],
    "no-sleep-in-tests": [("src/net/a.cpp", "sleep_for(x);\n"), ("tests/net/a_test.cpp", "// no sleep_for here\n")],
    "banned-calls": [("src/base/a.cpp", "clock& system();\nsys.system(x);\n// strcpy(a, b)\nmy_atoi(x);\n")],
    "file-size": [("src/base/a.cpp", "\n" * 800)],
    "no-markers": [("src/base/a.cpp", "// tomorrow\n")],
    "pragma-once": [("src/base/a.hpp", "#pragma once\n")],
    "suite-names": [("tests/base/crc_test.cpp", "#define CAF_SUITE crc\n")],
    "scripts-parse": [("scripts/a.py", "x = 1\n"), ("scripts/a", "#!/usr/bin/env bash\ntrue\n")],
}


def main() -> int:
    wrong = []
    for name, rule in RULES.items():
        if name not in REFUSED or name not in PASSED:
            wrong.append(f"{name}: no example")
        wrong += [f"{name} lets pass {path}: {text[:60]!r}" for path, text in REFUSED.get(name, []) if not list(rule(Source(path, text)))]
        wrong += [f"{name} refuses {path}: {text[:60]!r}" for path, text in PASSED.get(name, []) if list(rule(Source(path, text)))]
    print("\n".join(wrong) or f"{len(RULES)} rules refuse what they must and let pass the rest")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
