"""What makes a mistake in the binary harder to use: each protection is in it, and would be missed.

    faults(path)   the names of those that a program lacks, by what is in its file

The programs that lack one on purpose are compiled here.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest

from package import deb, release_file

from processes import run
from sluice import binary, built_with

CANARY = bytes.fromhex("2528000000")  # %fs:0x28
# A frame is made page by page, and each page is touched: sub $0x1000,%rsp; movq $0,(%rsp).
PROBE = bytes.fromhex("4881ec00100000" "48c7042400000000")
# Takes the address of a variable that is no array: only the strong protector minds.
PROTECTED = "sluice::core::SocketApi::UnreadBytes(int)"

PROGRAM = """
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
namespace sluice::core {
struct SocketApi { unsigned long UnreadBytes(int fd); };
unsigned long SocketApi::UnreadBytes(int fd) {
  int bytes = 0;
  return ioctl(fd, 0x541B, &bytes) == 0 ? bytes : 0;
}
}
int main(int argc, char** argv) {
  volatile char large[65536];
  large[argc] = 1;
  char* copy = static_cast<char*>(malloc(argc * 10));
  memcpy(copy, argv[0], strlen(argv[0]));
  sluice::core::SocketApi api;
  return copy[1] + large[3] + static_cast<int>(api.UnreadBytes(0));
}
"""
FLAGS = ["-O2", "-fPIE", "-pie", "-Wl,-z,relro,-z,now,-z,noexecstack", "-fstack-protector-strong",
         "-fstack-clash-protection", "-D_FORTIFY_SOURCE=3"]


def section(path, name):
    """(address, offset, size) of a section."""
    found = re.search(rf"\] {re.escape(name)} +\S+ +([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) ",
                      run("readelf", "--wide", "--section-headers", path).stdout)
    return [int(each, 16) for each in found.groups()]


def code(path):
    _, offset, size = section(path, ".text")
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(size)


def function(path, name):
    """Its code, or None in a program without symbols."""
    for line in run("nm", "--demangle", "--print-size", path).stdout.splitlines():
        fields = line.split(None, 3)
        if len(fields) == 4 and fields[3] == name:
            address, offset, _ = section(path, ".text")
            begin = int(fields[0], 16) - address
            return code(path)[begin:begin + int(fields[1], 16)]
    return None


def faults(path):
    headers = run("readelf", "--wide", "--file-header", "--program-headers", "--dynamic",
                  path).stdout
    found = {
        "PIE": r"Type: +DYN[^\n]*\n(.|\n)*FLAGS_1[^\n]*\bPIE\b",
        "RELRO": r"\n +GNU_RELRO ",
        "NOW": r"FLAGS_1[^\n]*\bNOW\b",
        "a stack that is not executable": r"\n +GNU_STACK +\S+ \S+ \S+ \S+ \S+ RW  ",
    }
    lacks = [name for name, pattern in found.items() if not re.search(pattern, headers)]
    lacks += [f"no {name}" for name in ("TEXTREL", "RPATH", "RUNPATH") if name in headers]
    text = code(path)
    if PROBE not in text:
        lacks.append("stack clash protection")
    protected = function(path, PROTECTED)
    if CANARY not in (text if protected is None else protected):
        lacks.append("strong stack protector")
    return lacks


# The size of what it writes into is known only while it runs.
ONLY_AT_LEVEL_3 = {"__memset_chk"}


def fortified(path):
    """The functions of the C library that check the size of what they write into."""
    return set(re.findall(r" U (__\w+_chk)\b", run("nm", "--dynamic", path).stdout))


class Hardening(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name

    def file(self, name):
        return os.path.join(self.folder, name)

    def compiled(self, *flags):
        with open(self.file("program.cc"), "w", encoding="ascii") as file:
            file.write(PROGRAM)
        done = run("clang++-19", *FLAGS, *flags, "-o", self.file("program"), file.name)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.file("program")

    def test_what_is_missing_is_found(self):
        self.assertEqual(faults(self.compiled()), [])
        for flags, lacks in (
                (("-no-pie", "-fno-pie"), "PIE"), (("-Wl,-z,norelro",), "RELRO"),
                (("-Wl,-z,lazy",), "NOW"),
                (("-Wl,-z,execstack",), "a stack that is not executable"),
                (("-Wl,-rpath,/tmp",), "no RUNPATH"),
                (("-fno-stack-clash-protection",), "stack clash protection"),
                (("-fstack-protector",), "strong stack protector"),
                (("-fno-stack-protector",), "strong stack protector")):
            self.assertIn(lacks, faults(self.compiled(*flags)), flags)
        # Only the third level knows the size of memory that is known when the program runs.
        self.assertIn("__memcpy_chk", fortified(self.compiled()))
        self.assertNotIn("__memcpy_chk", fortified(self.compiled("-U_FORTIFY_SOURCE",
                                                                 "-D_FORTIFY_SOURCE=2")))

    @unittest.skipIf(built_with(b"__asan_init") or built_with(b"__tsan_init"), "a sanitizer's")
    def test_the_binary(self):
        self.assertEqual(faults(binary()), [])
        self.assertLessEqual(ONLY_AT_LEVEL_3, fortified(binary()))

    def test_what_is_released(self):
        run("dpkg-deb", "--extract", deb(), self.folder)
        with tarfile.open(release_file(r"sluice-.*-x86_64\.tar\.gz")) as tar:
            (name,) = [each for each in tar.getnames() if each.endswith("/sluice")]
            tar.extract(name, self.folder)
        for path in ("usr/bin/sluice", name):
            self.assertEqual(faults(self.file(path)), [], path)


if __name__ == "__main__":
    unittest.main()
