#!/usr/bin/env python3
"""Runs the tests that "cargo test --no-run --message-format=json" has built, some files of them at once.

    cargo test --workspace --no-run --message-format=json | tests/run_tests.py

Most of a file's time is waiting (for kills, outages, browsers), so as many run beside each other as there are cores. What a
file says is shown when it has ended, whole if it failed. The exit code is 1 if one has, and the last lines name which, behind
those of the tests that were skipped.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time

# Those that take longest begin first, so that the last one does not run alone.
LONGEST = ["page", "network", "kill_loop", "faults_store", "hubs", "faults", "outages", "security", "secrets_echoed", "stream", "model"]


def executables(messages):
    """Name, path and package directory of every test that was built; stops where the build did."""
    for line in messages:
        if not line.startswith("{"):
            continue
        message = json.loads(line)
        if message["reason"] == "compiler-message":
            sys.stderr.write(message["message"]["rendered"] or "")
        elif message["reason"] == "build-finished" and not message["success"]:
            sys.exit("the tests could not be built")
        elif message["reason"] == "compiler-artifact" and message["executable"] and message["profile"]["test"]:
            target = message["target"]
            name = target["name"] if "test" in target["kind"] else f"{target['name']} ({target['kind'][0]})"
            yield name, message["executable"], pathlib.Path(message["manifest_path"]).parent


def run(test):
    name, path, directory = test
    began = time.monotonic()
    # As cargo runs them.
    surroundings = {**os.environ, "CARGO_MANIFEST_DIR": str(directory)}
    ended = subprocess.run([path], cwd=directory, env=surroundings, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace")
    return name, ended.returncode, ended.stdout, time.monotonic() - began


def counts(output):
    """What the harness says in the end: "12 passed; 0 failed; …"."""
    lines = [line for line in output.splitlines() if line.startswith("test result: ")]
    return lines[-1].partition(". ")[2].partition("; finished")[0] if lines else "no result"


def skipped(output):
    """What tests/support/rights.rs says; the harness may have begun the line."""
    return re.findall(r"(?m)(?:^|\.\.\. )(skipped: .+)$", output)


def main():
    tests = list(executables(sys.stdin))
    if not tests:
        sys.exit("there are no tests")
    tests.sort(key=lambda test: LONGEST.index(test[0]) if test[0] in LONGEST else len(LONGEST))
    failed, left_out = [], []
    lanes = int(os.environ.get("EVENTMANAGER_TESTS_AT_ONCE") or os.cpu_count() or 1)
    with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run, test) for test in tests]):
            name, code, output, took = done.result()
            left_out += skipped(output)
            if code:
                failed.append(name)
                print(output)
            print(f"{'FAILED' if code else 'ok':6} {name}: {counts(output)}, {took:.0f} s", flush=True)
    print("\n".join(sorted(left_out)) or "no test was skipped", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(sorted(failed))}; one alone: cargo test --locked --profile fast --test NAME")


if __name__ == "__main__":
    main()
