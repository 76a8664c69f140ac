#include "conf/haproxy_check.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "conf/haproxy_words.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

using Words = HaproxyCheck::Words;

// "00000008" as pairs of digits; "" if it is none.
std::string BinaryYaml(std::string_view digits) {
  constexpr std::string_view kHex = "0123456789abcdefABCDEF";
  if (digits.empty() || digits.size() % 2 != 0 || digits.find_first_not_of(kHex) != digits.npos) {
    return "";
  }
  return Cat("{ hex: \"", digits, "\" }");
}

}  // namespace

bool HaproxyCheck::TakeOption(const Words& words) {
  const std::string_view option = words.size() > 1 ? words[1] : std::string_view();
  if (option == "httpchk") {
    kind_ = Kind::kHttp;
    http_ = {};
    http_.Set("method", words.size() > 3 ? words[2] : "OPTIONS");
    http_.Set("path", YamlQuoted(words.size() > 3 ? words[3] : words.size() == 3 ? words[2] : "/"));
    return words.size() < 5;  // "HTTP/1.1\r\nHost:\ app"
  }
  if (option != "tcp-check" && option != "redis-check") return false;
  kind_ = option == "tcp-check" ? Kind::kConnect : Kind::kExchange;
  if (kind_ == Kind::kExchange) {
    steps_ = {{.send = R"("*1\r\n$4\r\nPING\r\n")", .expect = R"("+PONG\r\n")"}};
  }
  return true;
}

bool HaproxyCheck::TakeHttp(const Words& words) {
  if (words.size() == 4 && words[1] == "expect" && words[2] == "status") {
    for (const std::string& code : SplitAtCommas(words[3])) {
      if (code.size() != 3 || !ParseDecimal(code)) return false;
    }
    std::string list = words[3];
    for (size_t comma = 0; (comma = list.find(',', comma)) != list.npos; comma += 2) {
      list.insert(comma + 1, " ");
    }
    http_.Set("status", Cat("[", list, "]"));
    return true;
  }
  if (words.size() < 2 || words[1] != "send") return false;
  bool maps = true;
  for (size_t i = 2; i + 1 < words.size(); i += 2) {
    if (words[i] == "meth") {
      http_.Set("method", words[i + 1]);
    } else if (words[i] == "uri") {
      http_.Set("path", YamlQuoted(words[i + 1]));
    } else if (words[i] == "hdr" && i + 2 < words.size() && words[i + 1] == "Host") {
      http_.Set("host", YamlQuoted(words[i + 2]));
      ++i;
    } else if (words[i] != "ver") {
      maps = false;
      break;
    }
  }
  return maps;
}

bool HaproxyCheck::TakeTcp(const Words& words) {
  const std::string_view verb = words.size() > 1 ? words[1] : std::string_view();
  if (verb == "comment" || (verb == "connect" && words.size() == 2 && steps_.empty())) return true;
  size_t type = verb == "expect" ? 2 : 1;
  while (verb == "expect" && type + 1 < words.size() &&
         (words[type] == "comment" || words[type] == "min-recv")) {
    type += 2;
  }
  const bool maps =
      (verb.starts_with("send") || verb == "expect") && AddStep(verb != "expect", words, type);
  if (maps) kind_ = Kind::kExchange;
  has_all_steps_ = has_all_steps_ && maps;
  return maps;
}

// The step is words[type], "string" or "send-binary", and the one behind it.
bool HaproxyCheck::AddStep(bool sends, const Words& words, size_t type) {
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

std::string HaproxyCheck::StepsYaml() const {
  std::string list;
  for (const auto& [send, expect] : steps_) {
    ConvertedKeys keys;
    if (!send.empty()) keys.Set("send", send);
    if (!expect.empty()) keys.Set("expect", expect);
    list += Cat(list.empty() ? "" : ", ", keys.ToYaml());
  }
  return Cat("[", list, "]");
}

void HaproxyCheck::SetOn(ConvertedKeys& health, bool by_tls) const {
  if (kind_ == Kind::kHttp && !by_tls) {
    health.Set("check", "http");
    health.Set("http", http_.ToYaml());
  } else if (kind_ == Kind::kExchange && has_all_steps_ && !by_tls) {
    health.Set("check", "exchange");
    health.Set("exchange", StepsYaml());
  } else {
    health.Set("check", "connect");
  }
}

}  // namespace sluice::conf
