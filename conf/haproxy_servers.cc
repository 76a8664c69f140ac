#include "conf/haproxy_servers.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "conf/haproxy_words.h"
#include "conf/not_converted.h"
#include "conf/text/text.h"

namespace sluice::conf {

using Words = HaproxyServers::Words;

Words HaproxyServers::TakeSource(const Words& words) {
  Words notes = sender_.TakeSource(words);
  sender_.EndLine();
  return notes;
}

Words HaproxyServers::Take(const std::string& name, const std::string& address,
                           const Words& options) {
  Words notes;
  Own own;
  own.endpoint.Set("address", YamlQuoted(address));
  own.endpoint.Set("name", ConvertedName(name));
  for (size_t i = 0; i < options.size();) i += TakeOption(options, i, own, notes);
  for (std::string& note : sender_.EndServer()) notes.push_back(std::move(note));
  if (own.speaks_tls) {
    // Its clients' bytes would go to it in the clear.
    return {
        Cat("left out: the server ", Printable(name), " is reached by TLS, which is not here yet")};
  }
  if (own.is_disabled) {
    own.endpoint.Set("weight", "0");
    notes.emplace_back("disabled is weight: 0 here: it gets sessions when it has another weight");
  }
  if (own.has_check) Merge(own.health, "health", health_, notes);
  if (own.has_agent) Merge(own.agent, "agent", agent_, notes);
  if (!own.passive.Get("observe").empty()) {
    ConvertedKeys passive;
    const std::string failures = own.passive.Get("failures");
    passive.Set("failures", failures.empty() ? "10" : failures);  // the default there
    Merge(passive, "passive_health", passive_, notes);
  }
  Merge(own.upstream, "", upstream_, notes);
  checked_ += own.has_check ? 1 : 0;
  checks_by_tls_ = checks_by_tls_ || own.checks_by_tls;
  endpoints_.push_back(own.endpoint);
  return notes;
}

// The first one's holds.
void HaproxyServers::Merge(const ConvertedKeys& from, std::string_view what, ConvertedKeys& into,
                           Words& notes) {
  for (const auto& [key, value] : from.all()) {
    const std::string old = into.Get(key);
    if (old.empty()) {
      into.Set(key, value);
    } else if (old != value) {
      notes.push_back(Cat(what, what.empty() ? "" : ".", key, " is one for all servers: ", old,
                          ", not ", value));
    }
  }
}

// Returns how many words it took.
size_t HaproxyServers::TakeOption(const Words& options, size_t i, Own& own, Words& notes) {
  const std::string& word = options[i];
  const std::string value = i + 1 < options.size() ? options[i + 1] : "";
  if (TakeFlag(word, own, notes)) return 1;
  if (!value.empty() && TakeValue(word, value, own)) return 2;
  if (word == "proxy-v2-options") {
    for (std::string& note : sender_.TakeOptions(value)) notes.push_back(std::move(note));
    return 2;
  }
  if (word == "source") {
    const bool has_client = i + 3 < options.size() && options[i + 2] == "usesrc";
    const size_t count = std::min<size_t>(has_client ? 4 : 2, options.size() - i);
    const auto begin = options.begin() + static_cast<long>(i);
    for (std::string& note : sender_.TakeSource({begin + 1, begin + static_cast<long>(count)})) {
      notes.push_back(std::move(note));
    }
    return count;
  }
  const bool takes_value = !value.empty() && HaproxyTakesValue(word);
  notes.push_back(NotConverted(takes_value ? Words{word, value} : Words{word}));
  return takes_value ? 2 : 1;
}

// An option without a value.
bool HaproxyServers::TakeFlag(const std::string& word, Own& own, Words& notes) {
  if (word == "check") {
    own.has_check = true;
  } else if (word == "no-check") {
    own.has_check = false;
  } else if (word == "check-ssl") {
    own.checks_by_tls = true;
    notes.emplace_back("checks do not speak TLS yet: check: connect takes the place of check-ssl");
  } else if (word == "ssl") {
    own.speaks_tls = true;
  } else if (word == "agent-check") {
    own.has_agent = true;
  } else if (word == "backup") {
    own.endpoint.Set("priority", "1");
  } else if (word == "disabled" || word == "enabled") {
    own.is_disabled = word == "disabled";
  } else if (word.starts_with("send-proxy")) {
    for (std::string& note : sender_.TakeWord(word)) notes.push_back(std::move(note));
  } else if (word != "check-send-proxy") {  // so it is here
    return false;
  }
  return true;
}

bool HaproxyServers::TakeValue(const std::string& word, const std::string& value, Own& own) {
  struct Place {
    ConvertedKeys Own::* keys;
    std::string_view key;
    std::string (*format)(std::string);
  };
  const auto as_it_is = [](std::string text) { return text; };
  const auto time = [](std::string text) { return HaproxyTime(text); };
  const auto quoted = [](std::string text) { return YamlQuoted(text); };
  static const std::map<std::string_view, Place> kPlaces = {
      {"inter", {&Own::health, "interval", time}},
      {"fastinter", {&Own::health, "fast_interval", time}},
      {"downinter", {&Own::health, "down_interval", time}},
      {"rise", {&Own::health, "rise", as_it_is}},
      {"fall", {&Own::health, "fall", as_it_is}},
      {"port", {&Own::health, "port", as_it_is}},
      {"addr", {&Own::health, "address", quoted}},
      {"weight", {&Own::endpoint, "weight", as_it_is}},
      {"maxconn", {&Own::endpoint, "max_connections", as_it_is}},
      {"agent-port", {&Own::agent, "port", as_it_is}},
      {"agent-inter", {&Own::agent, "interval", time}},
      {"agent-addr", {&Own::agent, "address", quoted}},
      {"agent-send", {&Own::agent, "send", BytesYaml}},
      {"error-limit", {&Own::passive, "failures", as_it_is}},
      {"slowstart", {&Own::upstream, "slow_start", time}},
  };
  if (const auto found = kPlaces.find(word); found != kPlaces.end()) {
    const auto& [keys, key, format] = found->second;
    (own.*keys).Set(key, format(value));
    return true;
  }
  if (word == "observe" && value == "layer4") {
    own.passive.Set("observe", value);
    return true;
  }
  if (word == "on-marked-down" && value == "shutdown-sessions") {
    own.health.Set("on_down", "reset");
    return true;
  }
  return false;
}

Words HaproxyServers::SetOn(ConvertedUpstream& upstream, const HaproxyCheck& check) const {
  Words notes;
  upstream.endpoints = endpoints_;
  sender_.SetOn(upstream.keys);
  for (const auto& [key, value] : upstream_.all()) upstream.keys.Set(key, value);
  if (!agent_.empty()) upstream.keys.Set("agent", agent_.ToYaml());
  upstream.passive_health = passive_;
  if (!passive_.empty()) {
    notes.emplace_back(
        "passive_health ejects a server for a while; there on-error says what to do");
  }
  if (checked_ == 0) {
    upstream.health = {};
    return notes;
  }
  check.SetOn(upstream.health, checks_by_tls_);
  for (const auto& [key, value] : health_.all()) upstream.health.Set(key, value);
  if (checked_ < endpoints_.size()) {
    notes.emplace_back("health holds for all servers, also for those without check");
  }
  return notes;
}

}  // namespace sluice::conf
