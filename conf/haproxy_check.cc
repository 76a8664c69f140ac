#include "conf/haproxy_check.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string_view>

#include "conf/not_converted.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

bool IsOption(const HaproxyLine& line) { return line.words[0] == "option"; }

bool IsCheck(std::string_view option) {
  constexpr std::string_view kOptions[] = {
      "httpchk",     "tcp-check",  "redis-check",   "smtpchk",    "pgsql-check",
      "mysql-check", "ldap-check", "ssl-hello-chk", "spop-check", "external-check"};
  return std::ranges::find(kOptions, option) != std::end(kOptions);
}

ConvertedKeys Exchange(std::string_view steps) {
  ConvertedKeys keys;
  keys.Set("check", "exchange");
  keys.Set("exchange", steps);
  return keys;
}

// "option smtpchk EHLO mail.example.org"
ConvertedKeys SmtpCheck(const std::vector<std::string>& words) {
  const bool has_hello = words.size() > 3;
  const std::string hello = Cat(has_hello && words[2] == "EHLO" ? "EHLO " : "HELO ",
                                has_hello ? words[3] : "localhost", "\r\n");
  return Exchange(Cat(R"([{ expect: "220" }, { send: )", BytesYaml(hello),
                      R"(, expect: "250" }, { send: "QUIT\r\n" }])"));
}

// "option pgsql-check user haproxy": a StartupMessage, of which the server asks for the password or
// does not; an error begins with another letter. Behind the letter is the length, in four bytes.
ConvertedKeys PostgresCheck(const std::vector<std::string>& words) {
  const std::string user = words.size() > 3 ? words[3] : "";
  std::string body = {'\0', '\3', '\0', '\0'};
  body += Cat("user", std::string(1, '\0'), user, std::string(2, '\0'));
  const size_t size = body.size() + 4;
  const std::string length = {'\0', '\0', static_cast<char>(size >> 8), static_cast<char>(size)};
  return Exchange(
      Cat("[{ send: ", BytesYaml(length + body), R"(, expect: { hex: "52 00 00" } }])"));
}

}  // namespace

void HaproxyCheck::Inherit() {
  http_.is_inherited = true;
  tcp_.is_inherited = true;
}

void HaproxyCheck::Family::Take(const HaproxyLine& line) {
  const bool is_option = IsOption(line);
  // Of what is inherited the request of the option stays, until there is another option.
  std::erase_if(rules,
                [&](const HaproxyLine& each) { return IsOption(each) ? is_option : is_inherited; });
  is_inherited = false;
  rules.push_back(line);
}

void HaproxyCheck::Family::NoteUnused(std::string_view option, Converted& out) const {
  if (is_inherited) return;
  for (const HaproxyLine& rule : rules) {
    if (IsOption(rule)) continue;
    out.Note(rule.number, Cat("has no effect there either, without option ", option, ": ",
                              JoinedWords(rule.words)));
  }
}

bool HaproxyCheck::Take(const HaproxyLine& line) {
  const std::vector<std::string>& words = line.words;
  if (words.size() < 2) return false;
  if (IsOption(line)) {
    if (!IsCheck(words[1])) return false;
    option_ = line;
    if (words[1] == "httpchk") http_.Take(line);
    return true;
  }
  if (words[0] == "http-check") http_.Take(line);
  if (words[0] == "tcp-check") tcp_.Take(line);
  return words[0] == "http-check" || words[0] == "tcp-check";
}

HaproxyCheckRules HaproxyCheck::Read(Converted& out) const {
  const std::vector<std::string>& words = option_.words;
  const std::string kind = words.empty() ? "" : words[1];
  if (kind != "httpchk") http_.NoteUnused("httpchk", out);
  if (kind != "tcp-check") tcp_.NoteUnused("tcp-check", out);
  if (kind == "httpchk") return ReadHaproxyHttpCheck(http_.rules, out);
  if (kind == "tcp-check") return ReadHaproxyTcpCheck(tcp_.rules, out);
  if (kind == "smtpchk") return {.check = SmtpCheck(words)};
  if (kind == "pgsql-check" && words.size() == 4) return {.check = PostgresCheck(words)};
  if (kind == "redis-check") {
    return {.check = Exchange(R"([{ send: "*1\r\n$4\r\nPING\r\n", expect: "+PONG\r\n" }])")};
  }
  if (!kind.empty()) {
    out.Note(option_.number,
             Cat(NotConverted(words), ": check: connect takes its place",
                 kind == "mysql-check" ? "; MySQL counts connections without a handshake, and at "
                                         "max_connect_errors it lets this host in no more"
                                       : ""));
  }
  return {};
}

void HaproxyCheck::SetOn(ConvertedKeys& health, bool connects, Converted& out) const {
  const HaproxyCheckRules rules = Read(out);
  if (connects || rules.check.empty()) {
    health.Set("check", "connect");
  } else {
    for (const auto& [key, value] : rules.check.all()) health.Set(key, value);
  }
  for (const auto& [key, value] : rules.target.all()) health.Set(key, value);
}

}  // namespace sluice::conf
