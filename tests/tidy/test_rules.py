"""Each rule finds the mistake it is there for, and does not find it where there is none."""

import unittest

from tests.tidy import rules
from tests.tidy.tree import Tree

HEADER = "// Thing: is something.\n#ifndef X\n#define X\n#endif\n"


def findings(rule, files, paths=()):
    return list(rule(Tree(files, paths)))


class Rules(unittest.TestCase):
    def both(self, rule, bad, good, paths=()):
        self.assertNotEqual(findings(rule, bad, paths), [], f"{rule.__name__} finds nothing")
        self.assertEqual(findings(rule, good, paths), [])

    def test_layering(self):
        self.both(rules.layering,
                  {"core/base/a.h": '#include "core/task/b.h"\n'},
                  {"core/task/a.h": '#include "core/base/b.h"\n#include "core/task/c.h"\n'})
        self.both(rules.layering,
                  {"iouring/a.cc": '#include "core/sched/worker.h"\n'},
                  {"iouring/a.cc": '#include "core/reactor/op.h"\n'})
        self.both(rules.layering,
                  {"proxy/upstream/a.cc": '#include "proxy/session/session.h"\n'},
                  {"proxy/session/a.cc": '#include "proxy/upstream/connector.h"\n'})
        self.both(rules.layering,
                  {"proxy/app/start.cc": '#include "iouring/probe.h"\n'},
                  {"proxy/app/backend.cc": '#include "iouring/probe.h"\n'})
        self.both(rules.layering, {"loadtest/a/a.cc": '#include "core/base/clock.h"\n'},
                  {"loadtest/a/a.cc": '#include "loadtest/b/b.h"\n'})
        self.both(rules.layering, {"core/attic/a.h": ""}, {"core/base/a.h": ""})

    def test_foreign(self):
        self.both(rules.foreign, {"epoll/a.cc": "#include <liburing.h>\n"},
                  {"iouring/a.cc": "#include <liburing.h>\n"})
        self.both(rules.foreign, {"conf/print.cc": '#include "yaml-cpp/yaml.h"\n'},
                  {"conf/reader/yaml.cc": '#include "yaml-cpp/yaml.h"\n'})

    def test_flat(self):
        self.both(rules.flat, {"proxy/a.cc": "", "proxy/main.cc": ""},
                  {"proxy/main.cc": "", "proxy/app/a.cc": ""})

    def test_sizes(self):
        self.both(rules.sizes, {"core/base/a.cc": "x\n" * 401}, {"core/base/a.cc": "x\n" * 400})

    def test_columns(self):
        self.both(rules.columns, {"core/base/a.cc": "x" * 101 + "\n"},
                  {"core/base/a.cc": "─" * 100 + "\n"})

    def test_functions(self):
        self.both(rules.functions, {"core/base/a.cc": "void F() {\n" + "  x;\n" * 71 + "}\n"},
                  {"core/base/a.cc": "void F() {\n" + "  x;\n" * 70 + "}\nnamespace {\n"
                                     + "int x;\n" * 80 + "}\n"})
        self.both(rules.functions,
                  {"core/base/a.h": "class A {\n  void F() {\n" + "    x;\n" * 71 + "  }\n};\n"},
                  {"core/base/a.h": "class A {\n" + "  int x;\n" * 80 + "};\n"})

    def test_first_sentence(self):
        self.both(rules.first_sentence, {"core/base/a.h": "#ifndef X\n"}, {"core/base/a.h": HEADER})

    def test_references(self):
        self.both(rules.references, {"core/base/a.h": "// See core/base/gone.h.\n"},
                  {"core/base/a.h": "// See core/base/a.h and tests/core.\n",
                   "tests/core/a_test.cc": "// Checked by: tests/core/a_test.cc.\n"})
        self.both(rules.references, {"README.md": "`bazel/no.sh` sets up\n"},
                  {"README.md": "`bazel/yes.sh` sets up\n"}, ["bazel/yes.sh"])

    def test_outside(self):
        self.both(rules.outside, {"core/base/a.h": "// behaviour.md, promise 1\n"},
                  {"core/base/a.h": "// README.md, promise 1\n"})

    def test_enums(self):
        text = ('enum class E : uint8_t { kA, kB };\nconstexpr std::string_view ToString(E e) {\n'
                'constexpr std::string_view kNames[] = {%s};\nreturn 0;\n}\n')
        self.both(rules.enums, {"core/base/a.h": text % '"a"'},
                  {"core/base/a.h": text % '"a", "b"'})

    def test_visibility(self):
        self.both(rules.visibility, {"core/base/BUILD.bazel": "cc_library()\n"},
                  {"core/base/BUILD.bazel": "package(default_visibility = [])\n"})

    def test_words(self):
        self.both(rules.words, {"core/base/a.h": "// The log is opened anew.\n"},
                  {"core/base/a.h": "// The log is reopened.\n"})

    def test_every_rule_is_tested(self):
        for rule in rules.RULES:
            self.assertTrue(hasattr(self, f"test_{rule.__name__}"), rule.__name__)


if __name__ == "__main__":
    unittest.main(verbosity=2)
