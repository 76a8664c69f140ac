// `tcp-check`, and what the rules of both families have in common.

#include <cstddef>
#include <string_view>

#include "conf/haproxy_check_rules.h"
#include "conf/not_converted.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

using Words = std::vector<std::string>;

// "00000008" as pairs of digits; "" if it is none.
std::string BinaryYaml(std::string_view digits) {
  constexpr std::string_view kHex = "0123456789abcdefABCDEF";
  if (digits.empty() || digits.size() % 2 != 0 || digits.find_first_not_of(kHex) != digits.npos) {
    return "";
  }
  return Cat("{ hex: \"", digits, "\" }");
}

class Exchange {
 public:
  // Returns false if the rule does not map.
  bool Take(const Words& words, ConvertedKeys& target) {
    const std::string& verb = words[1];
    if (verb == "comment") return true;
    if (verb == "connect") {
      return ++connects_ == 1 && steps_.empty() && TakeHaproxyCheckConnect(words, target);
    }
    size_t type = verb == "expect" ? 2 : 1;
    while (verb == "expect" && type + 1 < words.size() &&
           (words[type] == "comment" || words[type] == "min-recv")) {
      type += 2;
    }
    return (verb.starts_with("send") || verb == "expect") && AddStep(verb != "expect", words, type);
  }

  bool empty() const { return steps_.empty(); }

  std::string ToYaml() const {
    std::string list;
    for (const auto& [send, expect] : steps_) {
      ConvertedKeys keys;
      if (!send.empty()) keys.Set("send", send);
      if (!expect.empty()) keys.Set("expect", expect);
      list += Cat(list.empty() ? "" : ", ", keys.ToYaml());
    }
    return Cat("[", list, "]");
  }

 private:
  struct Step {
    std::string send = {};  // as YAML has it
    std::string expect = {};
  };

  // The step is words[type], "string" or "send-binary", and the one behind it.
  bool AddStep(bool sends, const Words& words, size_t type) {
    if (type + 1 >= words.size()) return false;
    if (type + 2 < words.size() && words[type + 2] != "comment") return false;
    const std::string& how = words[type];
    const std::string& what = words[type + 1];
    std::string bytes;
    if (how == (sends ? "send" : "string")) bytes = BytesYaml(what);
    if (how == (sends ? "send-binary" : "binary")) bytes = BinaryYaml(what);
    if (bytes.empty() || what.empty()) return false;
    if (sends) {
      steps_.push_back({.send = bytes});
    } else if (!steps_.empty() && steps_.back().expect.empty()) {
      steps_.back().expect = bytes;
    } else {
      steps_.push_back({.expect = bytes});
    }
    return true;
  }

  std::vector<Step> steps_;
  int connects_ = 0;
};

}  // namespace

HaproxyCheckRules ReadHaproxyTcpCheck(const std::vector<HaproxyLine>& rules, Converted& out) {
  HaproxyCheckRules read;
  Exchange exchange;
  // Without one of its steps an exchange would be another one.
  bool maps = true;
  for (const HaproxyLine& rule : rules) {
    if (exchange.Take(rule.words, read.target)) continue;
    NoteHaproxyCheckConnects(rule, out);
    maps = false;
  }
  if (maps && !exchange.empty()) {
    read.check.Set("check", "exchange");
    read.check.Set("exchange", exchange.ToYaml());
  }
  return read;
}

bool TakeHaproxyCheckConnect(const Words& words, ConvertedKeys& target) {
  bool maps = true;
  for (size_t i = 2; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "default" || word == "linger") continue;
    const bool takes_value = word == "port" || word == "addr" || word == "comment" ||
                             word == "sni" || word == "alpn" || word == "proto";
    const std::string value = takes_value && i + 1 < words.size() ? words[++i] : "";
    if (word == "port" && ParseDecimal(value)) {
      target.Set("port", value);
    } else if (word == "addr" && !value.empty()) {
      target.Set("address", YamlQuoted(value));
    } else if (word != "comment") {
      maps = false;
    }
  }
  return maps;
}

void NoteHaproxyCheckConnects(const HaproxyLine& rule, Converted& out) {
  out.Note(rule.number, Cat(NotConverted(rule.words), ": check: connect takes its place"));
}

}  // namespace sluice::conf
