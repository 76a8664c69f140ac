#!/usr/bin/python3
"""Writes files as C++ that the binary has in it: embed.py OUTPUT URL=PATH…

The ETag of a file is a hash of its content.
"""

import hashlib
import os
import sys

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
BEGIN = """\
// Written by embed.py.
#include "proxy/admin/page/page_file.h"

namespace sluice::proxy {
namespace {

constexpr PageFile kFiles[] = {
"""
END = """\
};

}  // namespace

std::span<const PageFile> PageFiles() { return kFiles; }

}  // namespace sluice::proxy
"""
LINE = 64  # bytes of content


def literal(content):
    """Octal, of three digits: what follows a shorter one could be taken for a part of it."""
    lines = [content[at:at + LINE] for at in range(0, len(content), LINE)] or [b""]
    return "\n".join('     "%s"' % "".join(map(escaped, line)) for line in lines)


def escaped(byte):
    is_plain = 0x20 <= byte < 0x7f and chr(byte) not in '"\\?'
    return chr(byte) if is_plain else f"\\{byte:03o}"


def row(url, path):
    with open(path, "rb") as file:
        content = file.read()
    kind = TYPES[os.path.splitext(path)[1]]
    etag = hashlib.sha256(content).hexdigest()[:16]
    return (f'    {{"{url}", "{kind}", "\\"{etag}\\"",\n     std::string_view(\n'
            f"{literal(content)}, {len(content)})}},\n")


def embed(output, words):
    with open(output, "w", encoding="ascii") as file:
        file.write(BEGIN)
        for word in words:
            file.write(row(*word.split("=", 1)))
        file.write(END)


if __name__ == "__main__":
    embed(sys.argv[1], sys.argv[2:])
