#!/usr/bin/env python3
"""Whether each name that a page of the documentation gives is one of a test that ./tests/run runs.

    tests/named_tests.py PAGE < NAMES

A name may stand for several functions, as those of decoders do: then all of them are tests. One that is ignored counts where the
long form runs the ignored ones of its file, and one of tests/store where it is in the list of promises.
"""

import pathlib
import re
import sys

FUNCTION = re.compile(r"^\s*(?:pub(?:\([a-z]+\))? )?(?:async )?fn (\w+)\s*[(<]")
TEST = re.compile(r"#\[(?:\w+::)?test\b")
# Attributes and comments, which stand between a test's attribute and its name.
ABOVE = re.compile(r"^\s*(?:#\[|//)")
PROMISES = "tests/store/main.rs"


def functions():
    """Name, file and attributes of every function."""
    for folder in ("src", "tests"):
        for path in sorted(pathlib.Path(folder).rglob("*.rs")):
            above = []
            for line in path.read_text().splitlines():
                if found := FUNCTION.match(line):
                    yield found[1], path, "\n".join(above)
                above = above + [line.strip()] if ABOVE.match(line) else []


def long_files():
    """The files of which ./tests/run --long runs what is ignored."""
    return set(re.findall(r"--test (\w+) -- --ignored", pathlib.Path("tests/run").read_text()))


def complaint(name, path, attributes, promises, long):
    if path.parent.as_posix() == "tests/store" and f"::{name}(site)" in promises:
        return None
    if not TEST.search(attributes):
        return "is no test"
    file = path.relative_to("tests").parts[0].removesuffix(".rs") if path.parts[0] == "tests" else None
    if "#[ignore" in attributes and file not in long:
        return "is ignored, also in the long form"
    return None


def main():
    page, names = sys.argv[1], sys.stdin.read().split()
    promises, long, found = pathlib.Path(PROMISES).read_text(), long_files(), {}
    for name, path, attributes in functions():
        found.setdefault(name, []).append((path, complaint(name, path, attributes, promises, long)))
    wrong = [f"there is no test {name}" for name in names if name not in found]
    for name in names:
        wrong += [f"{name} of {path} {said}" for path, said in found.get(name, []) if said]
    for line in wrong:
        print(f"{page}: {line}")
    print(f"{page}: {len(names)} tests")
    sys.exit(1 if wrong or not names else 0)


if __name__ == "__main__":
    main()
