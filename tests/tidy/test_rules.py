"""Each rule of tests/tidy finds what breaks it, and nothing in a tree that does not."""

import os
import tempfile
import unittest

import tidy
from tree import Tree, split

HEADER = "// Thing: what it is for.\n"
BUILD = 'package(default_visibility = ["//visibility:private"])\n'


def found(files: dict[str, str]) -> list[str]:
    """The rules that a tree of these files breaks, with the place."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
            with open(os.path.join(root, path), "w") as file:
                file.write(text)
        return [f"{violation.rule} {violation.path}:{violation.line}"
                for violation in tidy.check(Tree(root))]


class Rules(unittest.TestCase):
    def breaks(self, rule: str, place: str, files: dict[str, str]):
        self.assertEqual(found(files), [f"{rule} {place}"])

    def holds(self, files: dict[str, str]):
        self.assertEqual(found(files), [])

    def test_a_folder_includes_what_its_row_names(self):
        self.holds({"core/task/a.cc": '#include "core/base/check.h"\n#include "core/task/a.h"\n'})
        self.breaks("includes", "core/task/a.cc:1",
                    {"core/task/a.cc": '#include "core/sched/worker.h"\n'})
        self.breaks("includes", "core/base/a.cc:2",
                    {"core/base/a.cc": '#include <vector>\n#include "proxy/server/server.h"\n'})

    def test_a_folder_without_a_row(self):
        self.breaks("includes", "core/new/a.cc:1", {"core/new/a.cc": "int a;\n"})

    def test_the_document_has_the_table(self):
        row = "| `core/text/` | escapes | %s |\n"
        there = {"core/text/a.cc": "", "core/base/a.cc": ""}
        base = "| `core/base/` | checks | – |\n"
        self.holds({**there, "ARCHITECTURE.md": base + row % "base"})
        self.breaks("includes", "ARCHITECTURE.md:2",
                    {**there, "ARCHITECTURE.md": base + row % "base, core/text"})
        self.breaks("includes", "ARCHITECTURE.md:1", {**there, "ARCHITECTURE.md": base})

    def test_only_one_file_names_the_backends(self):
        include = '#include "epoll/epoll_reactor.h"\n'
        self.holds({"core/runtime/backend.cc": include})
        self.breaks("includes", "proxy/app/start.cc:1", {"proxy/app/start.cc": include})

    def test_libraries_have_one_includer(self):
        for library, right, wrong in (
                ("yaml-cpp/yaml.h", "conf/reader/yaml.cc", "conf/load.cc"),
                ("spdlog/spdlog.h", "core/log/logger.cc", "core/log/line_log.cc"),
                ("liburing.h", "iouring/ring.h", "epoll/ring.cc"),
                ("sys/epoll.h", "epoll/table.cc", "core/io/poll.cc")):
            with self.subTest(library):
                text = f"{HEADER}#include <{library}>\n"
                self.holds({right: text})
                self.breaks("libraries", f"{wrong}:2", {wrong: text})

    def test_a_library_that_the_table_does_not_know(self):
        self.breaks("libraries", "proxy/app/a.cc:1", {"proxy/app/a.cc": "#include <zlib/zlib.h>\n"})
        self.breaks("libraries", "proxy/app/a.cc:1", {"proxy/app/a.cc": "#include <json.hpp>\n"})
        self.holds({"proxy/app/a.cc": "#include <sys/socket.h>\n#include <vector>\n"})

    def test_loadtest_shares_no_code(self):
        self.breaks("includes", "loadtest/a/a.cc:1",
                    {"loadtest/a/a.cc": '#include "core/base/clock.h"\n'})
        self.assertIn("includes core/io/a.cc:1",
                      found({"core/io/a.cc": '#include "loadtest/a/a.h"\n'}))

    def test_nothing_lies_flat(self):
        self.holds({"proxy/main.cc": "int main() {}\n", "proxy/BUILD.bazel": BUILD})
        self.breaks("flat", "proxy/notes.txt:1", {"proxy/notes.txt": ""})
        self.assertIn("flat core/a.cc:1", found({"core/a.cc": ""}))

    def test_long_files(self):
        self.holds({"tests/a.cc": "int a;\n" * 400})
        self.breaks("file length", "tests/a.cc:401", {"tests/a.cc": "int a;\n" * 401})

    def test_long_functions(self):
        self.holds({"tests/a.cc": "int F(int a) {\n" + "  a++;\n" * 68 + "}\n"})
        lines = "  a++;\n" * 69
        self.breaks("function length", "tests/a.cc:3",
                    {"tests/a.cc": "namespace a {\n\nint F(int a) {\n" + lines + "}\n}\n"})
        self.breaks("function length", "tests/a.cc:2",
                    {"tests/a.cc": "struct A {\n  A() : a{1}, b{2} {\n" + lines + "  }\n};\n"})
        self.holds({"tests/a.cc": "constexpr auto kA = std::to_array({\n" + "1,\n" * 99 + "});\n"})
        self.holds({"tests/a.cc": "struct A {\n" + "  int F() { return 1; }\n" * 80 + "};\n"})

    def test_braces_in_texts_and_comments_are_none(self):
        source = 'const char* a = "}{";  // {\nint F() {\n  return \'{\' /* } */;\n}\n'
        self.assertEqual(split(source).code.count("{"), 1)
        self.assertEqual(split('R"({)" "\\"{"').code.count("{"), 0)

    def test_long_lines(self):
        self.holds({"tests/a.cc": "int " + "a" * 96 + "\n", "tests/b.py": "# " + "é" * 90 + "\n"})
        self.breaks("columns", "tests/a.cc:1", {"tests/a.cc": "int " + "a" * 97 + "\n"})
        self.breaks("columns", "tests/a.py:2", {"tests/a.py": "\na = " + "1 + " * 25 + "1\n"})

    def test_headers_begin_with_a_sentence(self):
        self.holds({"tests/a.h": HEADER})
        self.breaks("first sentence", "tests/a.h:1", {"tests/a.h": "#pragma once\n" + HEADER})
        self.breaks("first sentence", "tests/a.h:1", {"tests/a.h": "// things\n"})

    def test_paths_in_comments_exist(self):
        there = {"tests/core/a_test.cc": "// A test.\n"}
        self.holds({**there, "tests/b.cc": "// See tests/core/a_test.cc, a_test.cc and core/.\n"})
        self.breaks("paths", "tests/b.cc:1",
                    {**there, "tests/b.cc": "// See tests/core/b_test.cc.\n"})
        self.breaks("paths", "tests/b.py:1", {**there, "tests/b.py": '"""As gone.md says."""\n'})
        self.breaks("paths", "tests/b.cc:2",
                    {**there, "tests/b.cc": "// See\n// core/gone/a.h for more.\n"})

    def test_links_and_paths_in_documents_exist(self):
        self.holds({"docs/a.md": "[x](b.md) [y](https://example.org/z.md)\n", "docs/b.md": "B\n"})
        self.assertIn("paths docs/a.md:2", found({"docs/a.md": "A\n[x](../gone.svg)\n"}))
        self.breaks("paths", "README.md:3",
                    {"README.md": "A\n\nSee `tests/gone/`.\n", "tests/a.cc": ""})

    def test_targets_in_documents_exist(self):
        build = {"tests/a/BUILD.bazel": BUILD + 'cc_test(name = "b_test")\n'}
        self.holds({**build, "README.md": "bazel test //tests/a:b_test //tests/... //...\n"})
        self.breaks("paths", "README.md:1", {**build, "README.md": "bazel test //tests/a:c_test\n"})
        self.breaks("paths", "README.md:1", {**build, "README.md": "bazel test //gone/...\n"})

    def test_nothing_refers_to_a_file_outside(self):
        self.holds({"docs/a.md": "[x](../README.md)\n", "README.md": "x\n"})
        for outside in ("/work/x", "/tmp/w/x", "/home/me/x", "../../x"):
            with self.subTest(outside):
                self.breaks("outside", "tests/a.cc:1", {"tests/a.cc": f"// As {outside} says.\n"})

    def test_checked_by_names_what_exists(self):
        there = {"tests/model/a_test.cc": ""}
        self.holds({**there, "core/io/a.h": HEADER + "// Checked by: tests/model (all), "
                    "tests/model/a_test.cc.\n"})
        build = {"tests/core/BUILD.bazel": BUILD + 'cc_test(name = "b_test")\n'}
        self.holds({**build, "core/io/a.h": HEADER + "// Checked by: //tests/core:b_test.\n"})
        self.assertIn("checked by core/io/a.h:2", found(
            {**build, "core/io/a.h": HEADER + "// Checked by: //tests/core:c_test.\n"}))
        self.breaks("checked by", "core/io/a.h:2",
                    {**there, "core/io/a.h": HEADER + "// Checked by: readers.\n"})

    def test_an_enum_has_a_name_for_each_value(self):
        enum = HEADER + "enum class Kind : uint8_t { kA, kB };\n"
        names = "const char* Name(Kind kind) {\n  constexpr const char* kNames[] = {%s};\n}\n"
        self.holds({"tests/a.h": enum + names % '"a", "b"'})
        self.breaks("enum names", "tests/a.h:4", {"tests/a.h": enum + names % '"a"'})

    def test_a_key_has_a_word_for_each_value(self):
        enum = HEADER + "enum class Kind { kA, kB };\n"
        words = 'void F() { OneOf(kind, {{"a", Kind::kA}%s}); }\n'
        self.holds({"conf/config.h": enum, "conf/schema.cc": words % ', {"b", Kind::kB}'})
        self.breaks("enum names", "conf/schema.cc:1",
                    {"conf/config.h": enum, "conf/schema.cc": words % ""})

    def test_build_files_name_their_visibility(self):
        self.holds({"tests/BUILD.bazel": BUILD})
        self.breaks("visibility", "tests/BUILD.bazel:1", {"tests/BUILD.bazel": "cc_test()\n"})
        public = BUILD.replace("private", "public")
        self.holds({"core/io/BUILD.bazel": public})
        self.breaks("visibility", "core/sched/BUILD.bazel:1", {"core/sched/BUILD.bazel": public})

    def test_times_are_types(self):
        for text in ("using Nanos = int64_t;\n", "void Sleep(core::Nanos span);\n",
                     "int64_t NanosOf(Instant at);\n", "auto a = 5 * kMillisecond;\n",
                     "uint64_t due_ns = 0;\n", "void F(int64_t since_us);\n",
                     "int64_t started_at_ = 0;\n", "const auto left_ns = a - b;\n"):
            with self.subTest(text):
                self.breaks("times", "core/io/a.cc:1", {"core/io/a.cc": text})
        self.holds({"core/io/a.cc": "Duration left = 5ms;  // not Nanos\nInstant started_at;\n"
                                    "uint64_t elapsed_ms_ = 0;\nuint32_t rtt_us = 0;\n"
                                    "absl::Nanoseconds(1);\n",
                    "loadtest/a/a.cc": "uint64_t due_ns = 0;\n"})

    def test_words(self):
        for path, text in (("tests/a.cc", "// The client is turned away.\n"),
                           ("proxy/app/a.cc", "class Cluster;\n"),
                           ("proxy/app/a.cc", 'auto a = "the log is opened anew";\n'),
                           ("core/io/a.cc", "// Nobody waits.\n"),
                           ("tests/a.md", "Nobody waits.\n"),
                           ("proxy/app/a.cc", "int Refusals();\n"),
                           ("proxy/app/a.cc", "auto a = What::kClosed;\n")):
            with self.subTest(text):
                self.breaks("words", f"{path}:1", {path: text})
        self.holds({"proxy/app/a.cc": "// ECONNREFUSED: connection refused. It is reopened.\n"})


if __name__ == "__main__":
    unittest.main()
