#include "conf/not_converted.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "conf/converted.h"
#include "conf/reader/vocabulary.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

struct Hint {
  std::string_view words;  // in snake_case, each between blanks
  std::string_view text;
};

// What the loader's vocabulary does not have, since it knows keys and these are lines, or since
// the word is a key of ours, too.
constexpr auto kHints = std::to_array<Hint>({
    {" log option_tcplog option_httplog option_log_separate_errors ",
     "the log goes to standard error, a record of each session to access_log.path"},
    {" log_format error_log_format ", "see access_log.format"},
    {" access_log ", "see access_log.path"},
    {" option_dontlognull ", "access_log has a record of each session, also without a byte"},
    {" option_smtpchk option_mysql_check option_pgsql_check option_ldap_check option_redis_check "
     "option_ssl_hello_chk option_spop_check ",
     "see upstreams[].health.exchange"},
    {" http_check_expect http_check_send http_check_connect http_check_disable_on_404 ",
     "see upstreams[].health.http"},
    {" server_template ", "see upstreams[].discover.dns"},
    {" stick_on stick_match stick_store_request ", "see upstreams[].balance: source_hash"},
    {" stick_table ",
     "see upstreams[].balance: source_hash instead of stick on src, listeners[].per_source instead "
     "of counts"},
    {" hash hash_type ", "see upstreams[].balance and upstreams[].hash"},
    {" acl use_backend tcp_request_content tcp_request_inspect_delay map ",
     "see listeners[].routes and listeners[].preread"},
    {" tcp_request_connection tcp_request_session ",
     "see listeners[].access, listeners[].per_source and listeners[].new_connections"},
    {" user ", "see user"},
    {" group ", "see group"},
    {" defer_accept ", "see listeners[].socket.defer_accept"},
    {" include ", "what it includes is not read: convert it as well"},
    {" proxy_next_upstream ", "see upstreams[].connect_attempts"},
});

// First words whose second one says what the line is.
constexpr std::string_view kContainers = " option timeout stats tcp_request http_check ";

std::string Between(std::string_view word) { return Cat(" ", word, " "); }

std::string HintOf(std::string_view word) {
  const std::string between = Between(word);
  for (const auto& [words, text] : kHints) {
    if (words.find(between) != words.npos) return std::string(text);
  }
  const Foreign* const known = FindForeign(word);
  if (known == nullptr) return "";
  if (known->key.empty()) {
    constexpr std::string_view kOfKeys = ": leave the key out";
    std::string_view answer = known->answer;
    if (answer.ends_with(kOfKeys)) answer.remove_suffix(kOfKeys.size());
    return std::string(answer);
  }
  return Cat("see ", known->key.substr(0, known->key.find('|')));
}

}  // namespace

std::string NotConverted(const std::vector<std::string>& words) {
  if (words.empty()) return "no counterpart";
  const std::string first = SnakeCase(words[0].substr(0, words[0].find('=')));
  std::vector<std::string> candidates;
  if (words.size() > 1) candidates.push_back(Cat(first, "_", SnakeCase(words[1])));
  const bool is_container = kContainers.find(Between(first)) != kContainers.npos;
  if (is_container && words.size() > 1) candidates.push_back(SnakeCase(words[1]));
  if (!is_container) candidates.push_back(first);
  for (const std::string& each : candidates) {
    const std::string hint = HintOf(each);
    if (!hint.empty()) return Cat("not converted: ", JoinedWords(words), " (", hint, ")");
  }
  return Cat("no counterpart: ", JoinedWords(words));
}

}  // namespace sluice::conf
