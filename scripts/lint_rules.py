#!/usr/bin/python3
"""The house rules that can be checked by reading the text of our sources.

usage: lint_rules.py [--root DIR]

Prints one line per rule, "ok" or "FAILED" with the places, and exits non-zero if one failed.
scripts/lint_rules_test.py shows for each rule a text that breaks it.
"""

import argparse
import pathlib
import re
import subprocess
import sys
from typing import Callable, Iterator, NamedTuple

# Which folders of src/ a folder may include, itself aside: the link order of src/CMakeLists.txt, said for headers.
CORES = ["election", "replication", "groups", "metadata"]
ALLOWED_INCLUDES = {
    "base": [],
    "storage": ["base"],
    "election": ["storage", "base"],
    "replication": ["storage", "base"],
    "groups": ["storage", "base"],
    "metadata": ["election", "storage", "base"],
    "net": [*CORES, "storage", "base"],
    "client": ["storage", "base"],
    "actors": ["net", *CORES, "storage", "base"],
    "cli": ["client", "metadata", "storage", "base"],
}
PURE_FOLDERS = tuple(f"src/{folder}/" for folder in CORES)
# The value types of storage that a pure core may use; its files stay out of reach.
PURE_STORAGE_HEADERS = {"storage/record_batch.hpp", "storage/compression.hpp", "storage/crc32c.hpp", "storage/log_config.hpp",
                        "storage/producer_snapshot.hpp", "storage/leader_epoch_cache.hpp"}
CAF_FOLDERS = ("src/actors/", "src/main.cpp", "tests/", "bench/")
PROTOBUF_FOLDERS = ("src/net/native", "src/client/", "tests/", "bench/")
ASIO_FOLDERS = ("src/net/", "src/client/", "src/actors/shard", "src/actors/link", "tests/", "bench/", "examples/")
MAXIMAL_LINES = 800


class Source(NamedTuple):
    path: str
    text: str

    @property
    def is_cpp(self) -> bool:
        return self.path.endswith((".cpp", ".hpp"))

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py")


class Finding(NamedTuple):
    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def code_of(text: str) -> str:
    """C++ without comments and literals; the line structure stays."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<delimiter>[^(\s]*)\(.*?\)(?P=delimiter)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
    return pattern.sub(lambda match: '""' + "\n" * match.group().count("\n"), text)


def includes(source: Source) -> Iterator[tuple[int, str, str]]:
    """Line, opening bracket and path of each include."""
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', source.text, re.MULTILINE):
        yield source.text.count("\n", 0, match.start()) + 1, match.group(1), match.group(2)


def matches(source: Source, pattern: str, what: str) -> Iterator[Finding]:
    text = code_of(source.text) if source.is_cpp else re.sub(r"#[^\n]*", "", source.text)
    for match in re.finditer(pattern, text):
        yield Finding(source.path, text.count("\n", 0, match.start()) + 1, f"{what}: {match.group().strip()}")


def include_direction(source: Source) -> Iterator[Finding]:
    if not source.is_cpp or not source.path.startswith("src/") or source.path.count("/") < 2:
        return
    folder = source.path.split("/")[1]
    allowed = [folder, *ALLOWED_INCLUDES.get(folder, [])]
    for line, bracket, path in includes(source):
        target = path.split("/")[0] if "/" in path else ""
        if target == "proto":
            continue
        if bracket == '"' and target not in ALLOWED_INCLUDES:
            yield Finding(source.path, line, f'"{path}": name our headers from src/, as "folder/file.hpp"')
        elif target in ALLOWED_INCLUDES and target not in allowed:
            yield Finding(source.path, line, f"{folder} must not include {path}; it may use {', '.join(allowed)}")
        elif source.path.startswith(PURE_FOLDERS) and target == "storage" and path not in PURE_STORAGE_HEADERS:
            yield Finding(source.path, line, f"a pure core uses storage's value types only, not {path}")


def only_in(folders: tuple[str, ...], is_foreign: Callable[[str], bool], what: str) -> Callable[[Source], Iterator[Finding]]:
    def check(source: Source) -> Iterator[Finding]:
        if source.is_cpp and not source.path.startswith(folders):
            for line, _, path in includes(source):
                if is_foreign(path):
                    yield Finding(source.path, line, f"{what} may be included only in {', '.join(folders)}: {path}")

    return check


caf_headers = only_in(CAF_FOLDERS, lambda path: path.startswith("caf/"), "CAF")
protobuf_headers = only_in(PROTOBUF_FOLDERS, lambda path: path.endswith(".pb.h") or path.startswith("google/protobuf/"), "Protobuf")
asio_headers = only_in(ASIO_FOLDERS, lambda path: path.startswith("boost/asio"), "Asio")


def pure_cores(source: Source) -> Iterator[Finding]:
    """No clock, no random source, no file, no thread, no log: a core's whole world is its arguments."""
    if not source.is_cpp or not source.path.startswith(PURE_FOLDERS):
        return
    yield from matches(source, r"\b(system_clock|steady_clock|high_resolution_clock|gettimeofday|clock_gettime)\b|(?<![\w.>])(std::)?time\s*\(", "a core takes now as an argument")
    yield from matches(source, r"\b(random_device|mt19937(_64)?|default_random_engine|getrandom|s?rand)\b(?!\s*=)", "a core takes a seeded prng as an argument")
    yield from matches(source, r"\b(std::jthread|std::thread|std::mutex|std::async|std::[io]?fstream|fopen)\b|\bCAFKA_LOG_\w+|\bspdlog::", "a core has no threads, files or logs")
    for line, _, path in includes(source):
        if path in {"thread", "mutex", "fstream", "random", "filesystem", "base/log.hpp"} or path.startswith("spdlog/"):
            yield Finding(source.path, line, f"a core has no threads, files, random sources or logs: {path}")


def no_sleep_in_tests(source: Source) -> Iterator[Finding]:
    if source.path.startswith(("tests/", "integration/")):
        yield from matches(source, r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|\b(time|asyncio)\.sleep\b|from time import[^\n]*\bsleep\b", "tests wait for events, they do not sleep")


def banned_calls(source: Source) -> Iterator[Finding]:
    names = r"strcpy|strcat|sprintf|vsprintf|gets|system|popen|mktemp|tmpnam|strtok|atoi|atol|atoll|atof|alloca|setjmp|longjmp"
    if source.is_cpp:
        yield from matches(source, rf"(?<![\w.>:])(?:std::|::)?({names})\s*\((?!\))", "banned call")


def size_of_files(source: Source) -> Iterator[Finding]:
    lines = source.text.count("\n")
    if lines > MAXIMAL_LINES:
        yield Finding(source.path, lines, f"{lines} lines; {MAXIMAL_LINES} are the limit")


def no_markers(source: Source) -> Iterator[Finding]:
    if source.path.startswith("scripts/lint_rules"):
        return
    for match in re.finditer(r"\b(TODO|FIXME|XXX|HACK)\b", source.text):
        yield Finding(source.path, source.text.count("\n", 0, match.start()) + 1, f"left-over marker {match.group()}")


def header_guards(source: Source) -> Iterator[Finding]:
    if source.path.endswith(".hpp") and "#pragma once" not in source.text:
        yield Finding(source.path, 1, "a header starts with #pragma once")


def suite_names(source: Source) -> Iterator[Finding]:
    """ctest selects a file's suite by the file's name."""
    if source.path.startswith("tests/") and source.path.endswith("_test.cpp"):
        suite = pathlib.PurePath(source.path).name.removesuffix("_test.cpp")
        if not re.search(rf"^#define CAF_SUITE {re.escape(suite)}$", source.text, re.MULTILINE):
            yield Finding(source.path, 1, f"must have the line: #define CAF_SUITE {suite}")


def scripts_parse(source: Source) -> Iterator[Finding]:
    if source.is_python:
        try:
            compile(source.text, source.path, "exec")
        except SyntaxError as error:
            yield Finding(source.path, error.lineno or 1, f"not Python: {error.msg}")
    elif re.match(r"#!.*\b(bash|sh)\b", source.text):
        checked = subprocess.run(["bash", "-n"], input=source.text, capture_output=True, text=True, check=False)
        if checked.returncode != 0:
            yield Finding(source.path, 1, "not bash: " + checked.stderr.strip().splitlines()[0])


RULES: dict[str, Callable[[Source], Iterator[Finding]]] = {
    "include-direction": include_direction,
    "caf-headers": caf_headers,
    "protobuf-headers": protobuf_headers,
    "asio-headers": asio_headers,
    "pure-cores": pure_cores,
    "no-sleep-in-tests": no_sleep_in_tests,
    "banned-calls": banned_calls,
    "file-size": size_of_files,
    "no-markers": no_markers,
    "pragma-once": header_guards,
    "suite-names": suite_names,
    "scripts-parse": scripts_parse,
}


def sources_of(root: pathlib.Path) -> list[Source]:
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, capture_output=True, text=True, check=True)
    sources = []
    for path in sorted(set(listing.stdout.split("\0")) - {""}):
        file = root / path
        is_script = path.startswith(("scripts/", ".ci/")) or (path.startswith(("bench/", "integration/")) and "." not in file.name)
        if file.is_file() and (path.endswith((".cpp", ".hpp", ".py", ".sh", ".proto")) or is_script):
            sources.append(Source(path, file.read_text(encoding="utf-8", errors="replace")))
    return sources


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    sources = sources_of(parser.parse_args().root)
    failed = 0
    for name, rule in RULES.items():
        findings = [finding for source in sources for finding in rule(source)]
        print(f"{'FAILED' if findings else 'ok'} {name}")
        for finding in findings:
            print(f"  {finding}")
        failed += bool(findings)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
