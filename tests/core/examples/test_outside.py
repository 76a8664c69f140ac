"""The runtime as other projects find it: installed in a folder, then used with CMake, with
pkg-config and with Bazel from another workspace (core/examples/outside/)."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

INSTALL, SDK, MAIN, CMAKE, WORKSPACE, BUILD = map(os.path.abspath, sys.argv[1:])
CXX = "clang++-19"
SECONDS = 240  # for a compiler on a busy machine
# What Bazel 4 would download for any project, and Debian has.
DEBIAN_RULES = {
    "bazel_skylib": "/usr/share/bazel/tools/skylib",
    "rules_java": "/usr/share/bazel/rules/java",
    "rules_proto": "/usr/share/bazel/rules/proto",
}
# Debian's rules_cc is too new for Debian's Bazel; this names the native rules.
RULES_CC = "".join(f"{name} = native.{name}\n" for name in (
    "cc_binary", "cc_import", "cc_library", "cc_proto_library", "cc_test", "cc_toolchain",
    "cc_toolchain_suite", "fdo_prefetch_hints", "fdo_profile", "objc_import", "objc_library"))
RULES_CC += "def cc_flags_supplier(**_):\n    pass\ndef compiler_flag(**_):\n    pass\n"

FIXTURE = """
#include <chrono>

#include "core/sluice.h"
#include "core/testing/fixture.h"

namespace core = sluice::core;
using namespace std::chrono_literals;

class Waits : public core::testing::OneWorkerTest {};

TEST_F(Waits, AnHourInNoTime) {
  Run([]() -> core::Task<void> { co_await core::Sleep(1h); });
}
"""


def run(*words, **options):
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=SECONDS, **options)
    return done.returncode, done.stdout


class OutsideTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        cls.prefix = os.path.join(cls.folder, "prefix")
        code, text = run(INSTALL, SDK, cls.prefix)
        assert code == 0, text
        with open(os.path.join(cls.prefix, "lib/libsluice_core.a"), "rb") as library:
            code = library.read()
        # Our own build may be one for a sanitizer.
        cls.flags = (["-fsanitize=address,undefined", "-fsanitize-link-c++-runtime"]
                     if b"__asan_init" in code
                     else ["-fsanitize=thread"] if b"__tsan_init" in code else [])
        version = os.path.join(cls.prefix, "include/sluice/core/base/version.h")
        with open(version, encoding="utf-8") as file:
            cls.version = re.findall(r"(?m)^#define SLUICE_CORE_VERSION_[A-Z]+ (\d+)$", file.read())

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def must(self, *words, **options):
        code, text = run(*words, **options)
        self.assertEqual(code, 0, f"{' '.join(words)}\n{text}")
        return text

    def assert_runs(self, program):
        self.assertEqual(self.must(program), f"core {'.'.join(self.version)}: 435\n")

    def cmake(self, name, text):
        source = os.path.join(self.folder, name)
        os.makedirs(os.path.join(source, "cmake"))
        shutil.copy(MAIN, source)
        with open(os.path.join(source, "cmake/CMakeLists.txt"), "w", encoding="utf-8") as file:
            file.write(text)
        build = os.path.join(source, "build")
        return build, run(
            "cmake", "-S", os.path.join(source, "cmake"), "-B", build, "-G", "Ninja",
            f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCMAKE_CXX_COMPILER={CXX}",
            f"-DCMAKE_CXX_FLAGS={' '.join(self.flags)}")

    def test_cmake(self):
        with open(CMAKE, encoding="utf-8") as file:
            text = file.read()
        asked = re.search(r"find_package\(SluiceCore ([\d.]+) ", text).group(1)
        build, (code, output) = self.cmake("as_it_stands", text)
        self.assertEqual(code, 0, output)
        self.must("cmake", "--build", build)
        self.assert_runs(os.path.join(build, "program"))

        # A program that was written for another version is told.
        major, minor, patch = map(int, self.version)
        for number, wrong in enumerate([f"{major}.{minor}.{patch + 1}", f"{major + 1}.0"]):
            _, (code, output) = self.cmake(f"version_{number}", text.replace(asked, wrong))
            self.assertNotEqual(code, 0)
            self.assertIn(f"compatible with requested version \"{wrong}\"",
                          " ".join(output.split()))

    def test_pkg_config(self):
        # It may be moved: nothing in it knows where it lies.
        moved = os.path.join(self.folder, "moved")
        shutil.copytree(self.prefix, moved)
        environment = {**os.environ, "PKG_CONFIG_PATH": os.path.join(moved, "lib/pkgconfig")}
        self.assertEqual(self.must("pkg-config", "--modversion", "sluice_core",
                                   env=environment).strip(), ".".join(self.version))
        flags = self.must("pkg-config", "--cflags", "--libs", "sluice_core", env=environment)
        program = os.path.join(self.folder, "program")
        self.must(CXX, "-Wall", "-Wextra", "-Werror", MAIN, *self.flags, *flags.split(), "-o",
                  program)
        self.assert_runs(program)

    def test_the_fixture(self):
        """As core/README.md says: it is in the installed library, without GoogleTest."""
        source = os.path.join(self.folder, "fixture.cc")
        with open(source, "w", encoding="utf-8") as file:
            file.write(FIXTURE)
        environment = {**os.environ, "PKG_CONFIG_PATH": os.path.join(self.prefix, "lib/pkgconfig")}
        flags = self.must("pkg-config", "--cflags", "--libs", "sluice_core", env=environment)
        program = os.path.join(self.folder, "fixture")
        self.must(CXX, "-Wall", "-Wextra", "-Werror", source, *self.flags, *flags.split(),
                  "-lgtest", "-lgtest_main", "-o", program)
        self.assertIn("[  PASSED  ] 1 test.", self.must(program))

    def test_bazel_from_another_workspace(self):
        project = os.path.join(self.folder, "project")
        os.mkdir(project)
        shutil.copy(MAIN, os.path.join(project, "main.cc"))
        shutil.copy(BUILD, os.path.join(project, "BUILD.bazel"))
        with open(WORKSPACE, encoding="utf-8") as file:
            text = file.read()
        self.assertIn('"/opt/sluice"', text)
        with open(os.path.join(project, "WORKSPACE"), "w", encoding="utf-8") as file:
            file.write(text.replace("/opt/sluice", self.prefix))
        rules_cc = os.path.join(self.folder, "rules_cc")
        os.makedirs(os.path.join(rules_cc, "cc"))
        for name, text in {"WORKSPACE": "", "cc/BUILD": "", "cc/defs.bzl": RULES_CC}.items():
            with open(os.path.join(rules_cc, name), "w", encoding="utf-8") as file:
                file.write(text)
        overrides = {**DEBIAN_RULES, "rules_cc": rules_cc}
        self.must(
            "bazel", "--batch", f"--output_user_root={self.folder}/bazel",
            "--server_javabase=/usr/lib/jvm/default-java", "build", "//:program",
            "--repo_env=CC=clang-19", "--repo_env=BAZEL_LINKOPTS=-fuse-ld=lld-19",
            "--spawn_strategy=local",
            *(f"--override_repository={name}={path}" for name, path in overrides.items()),
            *(f"--{kind}={flag}" for flag in self.flags for kind in ("copt", "linkopt")),
            cwd=project, env={"PATH": os.environ["PATH"], "HOME": self.folder})
        self.assert_runs(os.path.join(project, "bazel-bin/program"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
