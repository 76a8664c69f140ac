// Every key has a sentence, and no text that the loader takes is rejected by the JSON Schema.

#include "conf/json_schema.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <regex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "conf/descriptions.h"
#include "conf/schema/keys.h"
#include "conf/schema/schema.h"
#include "conf/text/text.h"
#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

TEST(Descriptions, EveryKeyHasASentence) {
  const Descriptions descriptions;
  std::vector<std::string> keys = KnownKeys();
  keys.emplace_back("include");
  for (const std::string& key : keys) {
    // "Required." alone says nothing of what it is for.
    const std::string text =
        std::regex_replace(descriptions.Of(key), std::regex("^Required[.;]?"), "");
    EXPECT_GE(text.size(), 10u) << "conf/reference.yaml: the comment above " << key
                                << " does not say what it is for: \"" << text << "\"";
  }
}

TEST(Descriptions, AreThoseOfTheReference) {
  const Descriptions descriptions;
  EXPECT_EQ(ReferenceText(), ReadText("conf/reference.yaml"));
  EXPECT_EQ(descriptions.Of("limits.on_limit"),
            "What happens to a new connection beyond a limit: it is closed (by a reset), or it "
            "waits.");
  EXPECT_EQ(descriptions.Of("listeners[].socket.backlog"),
            "Connections that may wait to be accepted.");
  EXPECT_EQ(descriptions.Of("upstreams[].queue_timeout"),
            descriptions.Of("defaults.upstream.queue_timeout"));
  EXPECT_NE(descriptions.Of("listeners[].upstream"), descriptions.Of("defaults.upstream"));
  EXPECT_EQ(descriptions.Of("no.such.key"), "");
}

// Whether the schema takes `text`, as the string that it is in quotes.
bool Accepts(const Form& form, const std::string& text) {
  if (text.find("${") != text.npos) return true;
  for (const std::string& word : form.words) {
    if (word == text) return true;
  }
  if (form.has_only_words) return false;
  if (form.kind == Form::Kind::kFlag) return text == "true" || text == "false";
  if (form.kind == Form::Kind::kCount) {
    const std::optional<uint64_t> number = ParseDecimal(text);
    return number && *number >= form.min && *number <= form.max;
  }
  return std::regex_search(text, std::regex(form.pattern, std::regex::ECMAScript));
}

// Values of all kinds: each key is tried with all of them.
constexpr std::string_view kTexts[] = {
    "",
    "0",
    "1",
    "5",
    "16",
    "53",
    "200",
    "404",
    "0660",
    "4294967295",
    "10000000",
    "-1",
    "1.5",
    "true",
    "false",
    "auto",
    "off",
    "stdout",
    "unix",
    "0s",
    "1us",
    "10ms",
    "5s",
    "1h30m",
    "1d2h3m4s5ms6us",
    "0B",
    "1B",
    "4KiB",
    "16MiB",
    "1GiB",
    "5kB",
    "7MB",
    "2GB",
    "0/s",
    "500/s",
    "0B/s",
    "50MiB/s",
    "0%",
    "10%",
    "101%",
    "127.0.0.1:80",
    "0.0.0.0:0",
    "[::1]:80",
    "[fe80::1%lo]:80",
    "[::ffff:1.2.3.4]:80",
    "unix:/run/a b.sock",
    "unix:@name",
    "127.0.0.1",
    "::",
    "::1",
    "fe80::1%lo",
    "::ffff:1.2.3.4",
    "[::1]",
    "10.0.0.0/8",
    "2001:db8::/32",
    "app.internal",
    "app.internal:80",
    "_app._tcp.internal.",
    "app",
    "A-1_b.c",
    "user@host$",
    "DOMAIN\\user",
    "/etc/sluice/a b.json",
    "./relative",
    "/health?x=1&y=%20",
    "GET",
    "PURGE",
    "2xx",
    "0d 0a",
    "0D0a",
    "PING\r\n",
    "k9$!~\"'\\",
};

class FormChecker : public Visitor {
 public:
  explicit FormChecker(std::string prefix) : prefix_(std::move(prefix)) {}

  void Field(std::string_view key, const Shape& shape, Presence) override {
    Check(Cat(prefix_, key), shape);
  }

  int checked() const { return checked_; }

 private:
  void Check(const std::string& path, const Shape& shape) {
    if (const auto* map = std::get_if<Map>(&shape)) {
      FormChecker inner(path + ".");
      map->fields(inner);
      checked_ += inner.checked_;
    } else if (const auto* list = std::get_if<List>(&shape)) {
      list->add();
      Check(path + "[]", list->item(list->size() - 1));
    } else {
      CheckScalar(path, std::get<Scalar>(shape));
    }
  }

  void CheckScalar(const std::string& path, const Scalar& scalar) {
    const std::string initial = scalar.format();
    if (!scalar.clear || !initial.empty()) {
      EXPECT_TRUE(Accepts(scalar.form, initial)) << path << ": its default, " << initial;
    }
    for (const std::string_view text : kTexts) {
      if (!scalar.parse(text).ok()) continue;
      EXPECT_TRUE(Accepts(scalar.form, std::string(text))) << path << ": " << text;
      ++checked_;
    }
  }

  const std::string prefix_;
  int checked_ = 0;
};

TEST(JsonSchema, TakesWhatTheLoaderTakes) {
  Config config;
  FormChecker checker("");
  Describe(config).fields(checker);
  EXPECT_GE(checker.checked(), 500);
}

TEST(JsonSchema, HasEveryKey) {
  const std::string schema = JsonSchema();
  for (const std::string& key : KnownKeys()) {
    const std::string name = key.substr(key.rfind('.') + 1);
    EXPECT_NE(schema.find("\"" + name + "\": {"), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace sluice::conf::testing
