// A configuration in several files: as if all were in one, and every error names its file.

#include "conf/include.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "conf/load.h"
#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

class Include : public ::testing::Test {
 protected:
  Include() {
    std::string name = ::testing::TempDir() + "/include-XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    std::filesystem::create_directory(folder + "/conf.d");
  }
  ~Include() override { std::filesystem::remove_all(folder); }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder + "/" + name) << text;
  }
  LoadResult LoadMain() const {
    return LoadFile(folder + "/main.yaml", EnvOf({{"WHICH", "conf.d"}}));
  }
  // The errors, with "@" for the folder.
  std::string Errors() const {
    std::string text = ErrorsOf(LoadMain());
    for (size_t at = text.find(folder); at != text.npos; at = text.find(folder)) {
      text.replace(at, folder.size(), "@");
    }
    return text;
  }

  std::string folder;
};

constexpr char kListener[] = "listeners: [{ name: web, bind: \"127.0.0.1:80\", upstream: app }]\n";

TEST_F(Include, ListenersAndUpstreamsOfAllFilesInOrder) {
  Write("main.yaml", std::string(kListener) +
                         "include: [\"${WHICH}/*.yaml\", more.yaml]\n"
                         "defaults: { timeouts: { idle: 7s }, upstream: { queue_timeout: 9s } }\n"
                         "upstreams: [{ name: app, endpoints: \"127.0.0.1:1\" }]\n");
  Write("conf.d/b.yaml", "x-a: &a { name: b, endpoints: \"127.0.0.1:2\" }\nupstreams: [*a]\n");
  Write("conf.d/a.yaml",
        "listeners: [{ name: a, bind: \"127.0.0.1:81\", upstream: b }]\n"
        "include: deeper/c.yaml\n");
  std::filesystem::create_directory(folder + "/conf.d/deeper");
  Write("conf.d/deeper/c.yaml", "upstreams: [{ name: c, endpoints: \"127.0.0.1:3\" }]\n");
  Write("conf.d/z.txt", "not ours");
  Write("more.yaml", "listeners: [{ name: m, bind: \"127.0.0.1:82\", upstream: c }]\n");
  const LoadResult result = LoadMain();
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  std::string names;
  for (const Listener& listener : result.config.listeners) {
    names += listener.name + " ";
    EXPECT_EQ(listener.timeouts.idle, 7s) << "defaults are those of the main file";
  }
  for (const Upstream& upstream : result.config.upstreams) {
    names += upstream.name + " ";
    EXPECT_EQ(upstream.queue_timeout, 9s);
  }
  EXPECT_EQ(names, "web a m app c b ");
}

TEST_F(Include, AllMayBeInOtherFiles) {
  Write("main.yaml", "include: conf.d/*.yaml\n");
  EXPECT_EQ(Errors(),
            "@/main.yaml:1:1: error: the required key \"listeners\" is missing; allowed: a list of "
            "at least one listener\n"
            "@/main.yaml:1:1: error: the required key \"upstreams\" is missing; allowed: a list of "
            "at least one upstream\n");
  Write("conf.d/a.yaml", std::string(kListener) +
                             "upstreams: [{ name: app, endpoints: "
                             "\"127.0.0.1:1\" }]\n");
  EXPECT_EQ(Errors(), "");
}

TEST_F(Include, ErrorsNameTheirFiles) {
  Write("main.yaml", std::string(kListener) +
                         "upstreams:\n  - { name: app, endpoints: x }\n"
                         "include: [conf.d/*.yaml, none.yaml]\n");
  Write("conf.d/a.yaml",
        "upstreams:\n  - { name: a, endpoints: \"127.0.0.1:1\", balanse: x }\n"
        "  - { name: app, endpoints: \"127.0.0.1:1\" }\n"
        "limits: { max_connections: 1 }\n");
  Write("conf.d/b.yaml", "listeners: [\n");
  Write("conf.d/c.yaml", "listeners: { name: c }\n");
  Write("conf.d/d.yaml", "- a\n");
  Write("conf.d/e.yaml", "x-a: 1\nlistners: []\nbackends: []\n");
  Write("conf.d/f.yaml", "# nothing yet\n");
  const std::string errors = Errors();
  for (const char* const expected :
       {"@/main.yaml:3:29: error: upstreams[0].endpoints",
        "@/conf.d/a.yaml:2:42: error: upstreams[1]: unknown key \"balanse\"",
        "@/conf.d/a.yaml:3:13: error: upstreams[2].name: \"app\" is here for the second time; the "
        "first is at @/main.yaml:3:13\n",
        "@/conf.d/a.yaml:4:1: error: the key \"limits\" belongs into the file that includes this "
        "one",
        "@/conf.d/b.yaml:2:1: error: ", "@/conf.d/c.yaml:1:12: error: listeners: a list is needed",
        "@/conf.d/d.yaml:1:1: error: a mapping is needed",
        "@/main.yaml:4:26: error: include: \"@/none.yaml\": no such file\n",
        "@/conf.d/e.yaml:2:1: error: unknown key \"listners\"; did you mean \"listeners\"?\n",
        "@/conf.d/e.yaml:3:1: error: unknown key \"backends\"; it is called \"upstreams\" here\n",
        "@/conf.d/f.yaml: the file is empty; allowed: listeners, upstreams, include\n"}) {
    EXPECT_NE(errors.find(expected), std::string::npos) << expected << "\n" << errors;
  }
}

TEST_F(Include, KeysStandOnce) {
  Write("main.yaml", std::string(kListener) +
                         "include: a.yaml\ninclude: [b.yaml]\n"
                         "upstreams: [{ name: app, endpoints: \"127.0.0.1:1\" }]\n");
  Write("a.yaml",
        "upstreams: [{ name: a, endpoints: \"127.0.0.1:1\" }]\n"
        "upstreams: [{ name: b, endpoints: \"127.0.0.1:1\" }]\n"
        "x-a: 1\nx-a: 2\n");
  EXPECT_EQ(
      Errors(),
      "@/main.yaml:3:1: error: the key \"include\" is here for the second time; the first is "
      "at 2:1\n"
      "@/a.yaml:2:1: error: the key \"upstreams\" is here for the second time; the first is at "
      "1:1\n"
      "@/a.yaml:4:1: error: the key \"x-a\" is here for the second time; the first is at 3:1\n");
}

TEST_F(Include, WarningsNameTheirFiles) {
  Write("main.yaml", std::string(kListener) + "include: a.yaml\n");
  Write("a.yaml",
        "upstreams:\n  - name: app\n    endpoints: [{ address: \"127.0.0.1:1\", weight: 0 }]\n");
  const LoadResult result = LoadMain();
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_NE(WarningsOf(result).find(folder + "/a.yaml:3:16: warning: "), std::string::npos)
      << WarningsOf(result);
}

TEST_F(Include, CyclesAreErrors) {
  Write("main.yaml", std::string(kListener) +
                         "include: [\"*.yaml\"]\n"
                         "upstreams: [{ name: app, endpoints: \"127.0.0.1:1\" }]\n");
  EXPECT_EQ(Errors(), "@/main.yaml:2:11: error: include: \"@/main.yaml\" is this file itself\n");
  Write("main.yaml", std::string(kListener) +
                         "include: a.yaml\n"
                         "upstreams: [{ name: app, endpoints: \"127.0.0.1:1\" }]\n");
  Write("a.yaml", "include: conf.d/b.yaml\n");
  Write("conf.d/b.yaml", "include: ../a.yaml\n");
  EXPECT_EQ(Errors(),
            "@/conf.d/b.yaml:1:10: error: include: \"@/conf.d/../a.yaml\" includes this "
            "file: that would never end\n");
}

TEST_F(Include, BoundedAndChecked) {
  Write("main.yaml", std::string(kListener) +
                         "include: [conf.d/*]\n"
                         "upstreams: [{ name: app, endpoints: \"127.0.0.1:1\" }]\n");
  for (int i = 0; i <= Includes::kMaxFiles; ++i) Write("conf.d/" + std::to_string(i), "x-a: 1\n");
  EXPECT_EQ(Errors(),
            "@/main.yaml:2:11: error: include: there are more files than the limit of 200\n");
  for (const char* const value : {"{ a: b }", "[[a]]", "\"\"", "\"${UNSET_WORD}\""}) {
    Write("main.yaml", std::string(kListener) + "include: " + value +
                           "\nupstreams: [{ name: app, endpoints: \"127.0.0.1:1\" }]\n");
    EXPECT_TRUE(Errors().starts_with("@/main.yaml:2:10: error: include: ")) << Errors();
  }
  EXPECT_FALSE(Load(std::string(kMinimal) + "include: a.yaml\n").ok()) << "a string is no file";
}

}  // namespace
}  // namespace sluice::conf::testing
