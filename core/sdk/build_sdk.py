"""Builds the archive of the runtime: build_sdk.py INPUTS OUT. sdk.bzl calls it and writes INPUTS.

    include/sluice/core/...                     headers: #include "core/sluice.h"
    lib/libsluice_core.a                        the code, to be linked with the flags below
    lib/pkgconfig/sluice_core.pc
    lib/cmake/SluiceCore/SluiceCoreConfig*.cmake
    share/sluice_core/sluice_core.BUILD         for Bazel
    share/doc/sluice_core/LICENSE

Nothing in it knows where it will lie: it may be unpacked anywhere, and moved. The same inputs make
the same archive.
"""

import gzip
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile

PLACES = {
    "SluiceCoreConfig.cmake": "lib/cmake/SluiceCore",
    "SluiceCoreConfigVersion.cmake": "lib/cmake/SluiceCore",
    "sluice_core.pc": "lib/pkgconfig",
    "sluice_core.BUILD": "share/sluice_core",
    "LICENSE": "share/doc/sluice_core",
}
VERSION_HEADER = "core/base/version.h"
INCLUDE = re.compile(r'^\s*#\s*include "([^"]+)"', re.MULTILINE)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def version_in(header):
    numbers = dict(re.findall(r"(?m)^#define SLUICE_CORE_VERSION_([A-Z]+) (\d+)$", read(header)))
    return ".".join(numbers[part] for part in ("MAJOR", "MINOR", "PATCH"))


def public(headers):
    """The headers of core/, and those of other folders that they include."""
    wanted = [header for header in headers if header.startswith("core/")]
    found = set(wanted)
    while wanted:
        for name in INCLUDE.findall(read(wanted.pop())):
            if name in headers and name not in found:
                found.add(name)
                wanted.append(name)
    return sorted(found)


def merged(libraries, folder):
    """One library of all: ar keeps members of the same name apart."""
    path = os.path.join(folder, "all.a")
    script = [f"CREATE {path}", *(f"ADDLIB {library}" for library in libraries), "SAVE", "END"]
    subprocess.run(["ar", "-M"], input="\n".join(script) + "\n", text=True, check=True)
    subprocess.run(["ranlib", "-D", path], check=True)
    with open(path, "rb") as file:
        return file.read()


def filled_in(text, version, flags):
    major, minor, _ = version.split(".")
    words = {
        "VERSION": version, "MAJOR": major, "MINOR": minor, "FLAGS": " ".join(flags),
        "FLAGS_CMAKE": ";".join(flags),
        "FLAGS_BAZEL": "\n".join(f'        "{flag}",' for flag in flags),
    }
    return re.sub(r"@([A-Z_]+)@", lambda match: words[match[1]], text)


def write(out, files):
    with open(out, "wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed, \
            tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))


def main(inputs, out):
    given = {"version": [], "flag": [], "library": [], "file": [], "header": []}
    for line in read(inputs).splitlines():
        kind, word = line.split(" ", 1)
        given[kind].append(word)
    version, = given["version"]
    if version_in(VERSION_HEADER) != version:
        sys.exit(f"{VERSION_HEADER} says {version_in(VERSION_HEADER)}, release/version.bzl "
                 f"{version}: make them the same")
    flags = list(dict.fromkeys(given["flag"]))

    files = {f"include/sluice/{header}": read(header).encode()
             for header in public(set(given["header"]))}
    for path in given["file"]:
        name = os.path.basename(path)
        text = read(path)
        if name != "LICENSE":
            text = filled_in(text, version, flags)
        files[f"{PLACES[name]}/{name}"] = text.encode()
    with tempfile.TemporaryDirectory() as folder:
        files["lib/libsluice_core.a"] = merged(given["library"], folder)
    write(out, files)


if __name__ == "__main__":
    main(*sys.argv[1:])
