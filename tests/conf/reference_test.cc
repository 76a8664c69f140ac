// conf/reference.yaml has every key, its compiled-in default, and above it what is allowed;
// conf/example.yaml loads.

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "conf/load.h"
#include "conf/print.h"
#include "conf/reader/diagnostics.h"
#include "conf/reader/reader.h"
#include "conf/reader/yaml.h"
#include "conf/schema/keys.h"
#include "conf/schema/schema.h"
#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

constexpr char kReference[] = "conf/reference.yaml";

// The reference, with the position of every key that it has.
struct Reference {
  Config config;
  Positions positions;
  std::vector<std::string> lines;
};

Reference LoadReference() {
  Reference reference;
  Errors errors(kReference);
  Document document;
  const std::string text = ReadText(kReference);
  EXPECT_TRUE(document.Parse(text, errors));
  ReadConfig(document.root(), NoEnv(), reference.config, reference.positions, errors);
  EXPECT_TRUE(errors.empty());
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) reference.lines.push_back(line);
  return reference;
}

TEST(Reference, HasTheDefaults) {
  const LoadResult result = LoadFile(kReference, NoEnv());
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  Config expected;
  Listener listener;
  listener.name = "web";
  listener.bind = {*core::Address::Parse("127.0.0.1:8080")};
  listener.upstream = "app";
  listener.routes = {{.sni = {"*.example.org"}, .alpn = {"h2"}, .upstream = "app"}};
  Endpoint endpoint;
  endpoint.address = *core::Address::Parse("127.0.0.1:3000");
  const std::vector<ExchangeStep> steps = {{{"PING\r\n", false}, {"+PONG", false}},
                                           {{"QUIT\r\n", true}, {"+OK", true}}};
  expected.default_upstream.health.exchange = steps;
  Upstream upstream;
  upstream.name = "app";
  upstream.health.exchange = steps;
  upstream.endpoints = {endpoint};
  expected.listeners = {listener};
  expected.upstreams = {upstream};
  expected.ready_when = {{.upstream = "app", .usable = 1}};
  EXPECT_EQ(Print(result.config), Print(expected));
  EXPECT_EQ(result.config, expected);
}

TEST(Reference, HasEveryKey) {
  const Reference reference = LoadReference();
  std::set<std::string> present;
  for (const auto& [path, at] : reference.positions.all()) {
    // listeners[0].name → listeners[].name
    present.insert(std::regex_replace(path, std::regex("\\[[0-9]+\\]"), "[]"));
  }
  const std::vector<std::string> known = KnownKeys();
  EXPECT_GE(known.size(), 43u);
  for (const std::string& key : known) {
    EXPECT_TRUE(present.contains(key)) << key << " is not in " << kReference;
  }
}

// Calls `check` with the path and the Scalar of each key.
template <typename Check>
class ScalarWalker : public Visitor {
 public:
  ScalarWalker(std::string prefix, const Check& check)
      : prefix_(std::move(prefix)), check_(check) {}

  void Field(std::string_view key, const Shape& shape, Presence) override {
    Walk(prefix_ + std::string(key), shape);
  }

 private:
  void Walk(const std::string& path, const Shape& shape) {
    if (const auto* scalar = std::get_if<Scalar>(&shape)) {
      check_(path, *scalar);
    } else if (const auto* map = std::get_if<Map>(&shape)) {
      ScalarWalker inner(path + ".", check_);
      map->fields(inner);
    } else {
      const auto& list = std::get<List>(shape);
      for (size_t i = 0; i < list.size(); ++i) {
        Walk(path + "[" + std::to_string(i) + "]", list.item(i));
      }
    }
  }

  const std::string prefix_;
  const Check& check_;
};

// The comment lines above a line (from 1), or above the one before it for an item of a list.
std::string CommentAbove(const std::vector<std::string>& lines, size_t line) {
  const auto is_comment = [&](size_t number) {
    const size_t text = lines[number - 1].find_first_not_of(' ');
    return text != std::string::npos && lines[number - 1][text] == '#';
  };
  if (line > 1 && !is_comment(line - 1)) --line;
  std::string comment;
  while (line > 1 && is_comment(line - 1)) comment = lines[--line - 1] + "\n" + comment;
  return comment;
}

TEST(Reference, SaysWhatIsAllowed) {
  Reference reference = LoadReference();
  int checked = 0;
  const auto check = [&](const std::string& path, const Scalar& scalar) {
    const auto line = static_cast<size_t>(reference.positions.At(path).line);
    const std::string comment = CommentAbove(reference.lines, line);
    EXPECT_NE(comment.find("Allowed: " + scalar.allowed + ".\n"), std::string::npos)
        << path << " takes " << scalar.allowed << "; the comment above it:\n"
        << comment;
    ++checked;
  };
  ScalarWalker walker("", check);
  Describe(reference.config).fields(walker);
  EXPECT_GE(checked, 30);
}

TEST(Example, Loads) {
  const LoadResult result = LoadFile("conf/example.yaml", NoEnv());
  EXPECT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(result.config.listeners.size(), 2u);
}

TEST(Example, TakesItsLogLevelFromTheEnvironment) {
  const LoadResult result = LoadFile("conf/example.yaml", EnvOf({{"SLUICE_LOG_LEVEL", "debug"}}));
  EXPECT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(result.config.log.level, LogLevel::kDebug);
}

}  // namespace
}  // namespace sluice::conf::testing
