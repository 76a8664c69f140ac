#include "conf/text/env.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/conf/testing.h"

namespace sluice::conf {
namespace {

using testing::EnvOf;
using testing::NoEnv;

std::string Expanded(const std::string& text) {
  const Env env = EnvOf({{"HOST", "10.0.0.1"}, {"EMPTY", ""}, {"NESTED", "${HOST}"}, {"_x1", "y"}});
  const auto expanded = ExpandEnv(text, env);
  return expanded.ok() ? *expanded : "error";
}

TEST(ExpandEnv, Variables) {
  EXPECT_EQ(Expanded(""), "");
  EXPECT_EQ(Expanded("plain"), "plain");
  EXPECT_EQ(Expanded("${HOST}"), "10.0.0.1");
  EXPECT_EQ(Expanded("a${HOST}b${_x1}c"), "a10.0.0.1byc");
  EXPECT_EQ(Expanded("${EMPTY}"), "");
  EXPECT_EQ(Expanded("${MISSING}"), "error");
}

TEST(ExpandEnv, Defaults) {
  EXPECT_EQ(Expanded("${HOST:-x}"), "10.0.0.1");
  EXPECT_EQ(Expanded("${MISSING:-x}"), "x");
  EXPECT_EQ(Expanded("${EMPTY:-x}"), "x");
  EXPECT_EQ(Expanded("${MISSING:-}"), "");
  EXPECT_EQ(Expanded("${MISSING:-a:-b c}"), "a:-b c");
  EXPECT_EQ(Expanded("${MISSING:-a}}"), "a}");
}

TEST(ExpandEnv, DefaultsInDefaults) {
  EXPECT_EQ(Expanded("${MISSING:-${HOST}}"), "10.0.0.1");
  EXPECT_EQ(Expanded("${MISSING:-${ALSO_MISSING:-x}}"), "x");
  EXPECT_EQ(Expanded("a${MISSING:-b${EMPTY:-c${HOST}d}e}f"), "abc10.0.0.1def");
  EXPECT_EQ(Expanded("${MISSING:-${HOST}:80}:${MISSING:-${_x1}}"), "10.0.0.1:80:y");
  EXPECT_EQ(Expanded("${MISSING:-${MISSING}}"), "error");
  EXPECT_EQ(Expanded("${MISSING:-$${HOST}}"), "${HOST}");  // the first } closes the default
  EXPECT_EQ(Expanded("${MISSING:-{x}}"), "{x}");
  EXPECT_EQ(Expanded("${MISSING:-${NESTED}}"), "${HOST}");  // what it contains is not expanded
}

TEST(ExpandEnv, DefaultsThatAreNotUsed) {
  EXPECT_EQ(Expanded("${HOST:-${MISSING}}"), "10.0.0.1");
  EXPECT_EQ(Expanded("${HOST:-${MISSING:-${MISSING}}}!"), "10.0.0.1!");
  for (const char* text : {"${HOST:-${MISSING}", "${HOST:-${1X}}", "${HOST:-${}}", "${HOST:-${"}) {
    EXPECT_EQ(Expanded(text), "error") << text;
  }
}

TEST(ExpandEnv, DepthIsBounded) {
  const auto nested = [](size_t depth) {
    std::string text = "x";
    for (size_t i = 0; i < depth; ++i) text = "${MISSING:-" + text + "}";
    return text;
  };
  EXPECT_EQ(Expanded(nested(kMaxEnvDepth)), "x");
  EXPECT_EQ(Expanded(nested(kMaxEnvDepth + 1)), "error");
  EXPECT_EQ(Expanded(nested(2000)), "error");
}

TEST(ExpandEnv, ErrorsNameTheVariableInside) {
  const auto expanded = ExpandEnv("${MISSING:-${INNER}}", NoEnv());
  EXPECT_NE(expanded.status().message().find("\"INNER\" is not set"), absl::string_view::npos);
}

TEST(ExpandEnv, IsNotRepeated) { EXPECT_EQ(Expanded("${NESTED}"), "${HOST}"); }

TEST(ExpandEnv, Escapes) {
  EXPECT_EQ(Expanded("$${HOST}"), "${HOST}");
  EXPECT_EQ(Expanded("$$${HOST}"), "$${HOST}");
  EXPECT_EQ(Expanded("$"), "$");
  EXPECT_EQ(Expanded("$$"), "$$");
  EXPECT_EQ(Expanded("$HOST"), "$HOST");
  EXPECT_EQ(Expanded("a$"), "a$");
}

TEST(ExpandEnv, Syntax) {
  for (const char* text : {"${", "${}", "${HOST", "${1X}", "${A-B}", "${A:x}", "${ HOST}",
                           "${HOST }", "x${:-y}", "${É}"}) {
    EXPECT_EQ(Expanded(text), "error") << text;
  }
}

TEST(ExpandEnv, RejectsControlCharactersAndBytesThatAreNoText) {
  EXPECT_FALSE(ExpandEnv("${X}", EnvOf({{"X", "a\nb"}})).ok());
  EXPECT_FALSE(ExpandEnv("${X}", EnvOf({{"X", "\xFF"}})).ok());
}

TEST(ExpandEnv, ErrorsHaveNothingOfAValue) {
  for (const char* value : {"hidden\n", "hidden\r\n", "hid\nden", "\xFFhidden"}) {
    const auto expanded = ExpandEnv("${X}", EnvOf({{"X", value}}));
    const std::string message(expanded.status().message());
    EXPECT_NE(message.find("variable \"X\" "), std::string::npos) << message;
    EXPECT_EQ(message.find("hid"), std::string::npos) << message;
    EXPECT_EQ(message.find("ends with a newline") != std::string::npos,
              std::string(value).starts_with("hidden"))
        << message;
  }
}

TEST(EscapeEnv, IsTheInverse) {
  for (const char* text : {"", "$", "$$", "${", "$${", "$$${", "${X}", "$${X}", "a${b${c", "}$"}) {
    const auto expanded = ExpandEnv(EscapeEnv(text), NoEnv());
    ASSERT_TRUE(expanded.ok()) << text;
    EXPECT_EQ(*expanded, text);
  }
}

TEST(ProcessEnv, ReadsTheEnvironment) {
  ASSERT_EQ(setenv("SLUICE_ENV_TEST", "there", 1), 0);
  EXPECT_EQ(ProcessEnv()("SLUICE_ENV_TEST"), "there");
  ASSERT_EQ(unsetenv("SLUICE_ENV_TEST"), 0);
  EXPECT_EQ(ProcessEnv()("SLUICE_ENV_TEST"), std::nullopt);
}

}  // namespace
}  // namespace sluice::conf
