// No error shows a secret, whatever is wrong with it or beside it.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "conf/load.h"
#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

constexpr char kSecret[] = "s3cret";

// A configuration with `text` in place of "@", in each place that holds a secret.
std::vector<std::string> Places(const std::string& text) {
  std::vector<std::string> places;
  for (std::string place :
       {"admin: { bind: \"127.0.0.1:9901\", token: @ }\n", "admin: @\n",
        "defaults: { upstream: { health: { exchange: [{ send: @ }] } } }\n",
        "defaults: { upstream: { health: { exchange: [{ send: { text: @ } }] } } }\n",
        "defaults: { upstream: { health: { exchange: [{ send: { hex: @ } }] } } }\n",
        "defaults: { upstream: { health: { exchange: [@] } } }\n",
        "defaults: { upstream: { health: { exchange: @ } } }\n"}) {
    const size_t at = place.find('@');
    places.push_back(place.replace(at, 1, text) + kMinimal);
  }
  return places;
}

LoadResult LoadSecret(const std::string& text) {
  return LoadString(
      text, "test.yaml",
      EnvOf({{"LINE", "s3cret\n"}, {"CONTROL", "s3\x01s3cret"}, {"BYTES", "s3cret\xFF"}}));
}

TEST(Secrets, AreInNoError) {
  for (const char* text :
       {"\"${LINE}\"", "\"x${CONTROL}\"", "\"${BYTES}\"", "\"s3cret${TOK\"", "\"${TOK-s3cret}\"",
        "\"s3cret${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-}}}}}}}}}\"", "s3cret”",
        "\"s3cret \"", "[s3cret]", "[[s3cret]]", "\"s3cret\\x01\"", "$s3cret", "token=s3cret",
        "token:s3cret"}) {
    for (const std::string& place : Places(text)) {
      const LoadResult result = LoadSecret(place);
      EXPECT_EQ(ErrorsOf(result).find(kSecret), std::string::npos) << ErrorsOf(result) << place;
    }
  }
  for (const char* text :
       {"admin:\n  token:s3cret\n  bind: x\n", "admin:\n  token= s3cret\n  a: b\n",
        "x: [{\n -send: s3cret\n b: c\n", "admin: \n  token: “s3: cret” s3cret: x\n",
        "admin: { token: “s3cret, x: y: z }\n", "admin: { token:s3cret }\n",
        "admin:\n  token:s3cret\n", "admin:\n  bind: x\n  token s3cret\n"}) {
    const LoadResult result = LoadSecret(text);
    EXPECT_FALSE(result.ok()) << text;
    EXPECT_EQ(ErrorsOf(result).find(kSecret), std::string::npos) << ErrorsOf(result) << text;
  }
}

TEST(Secrets, AreRejectedWithAReason) {
  const auto error = [](const std::string& token) {
    return ErrorsOf(
        LoadSecret("admin: { bind: \"127.0.0.1:9901\", token: " + token + " }\n" + kMinimal));
  };
  EXPECT_EQ(error("\"${LINE}\""),
            "test.yaml:1:41: error: admin.token: the environment variable \"LINE\" ends with a "
            "newline; allowed: UTF-8 text without control characters\n");
  EXPECT_EQ(error("\"a${TOK\""),
            "test.yaml:1:41: error: admin.token: what stands here has a \"${\" without its \"}\"; "
            "allowed: ${NAME}, ${NAME:-default}, or $${ for a literal ${\n");
  EXPECT_EQ(error("a”"),
            "test.yaml:1:41: error: admin.token: the token has a space or a character that is not "
            "ASCII; allowed: printable ASCII characters without spaces, at most 256, or \"\" "
            "(none)\n");
}

}  // namespace
}  // namespace sluice::conf::testing
