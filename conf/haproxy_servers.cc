#include "conf/haproxy_servers.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "conf/haproxy_words.h"
#include "conf/not_converted.h"
#include "conf/text/text.h"

namespace sluice::conf {

using Words = HaproxyServers::Words;

void HaproxyServers::TakeSource(const HaproxyLine& line, Converted& out) {
  for (const std::string& note : sender_.TakeSource({line.words.begin() + 1, line.words.end()})) {
    out.Note(line.number, note);
  }
  sender_.EndLine();
}

void HaproxyServers::Take(int line, const std::string& name, const std::string& address,
                          const Words& options, Converted& out) {
  Words notes;
  Server server{.line = line};
  server.endpoint.Set("address", YamlQuoted(address));
  server.endpoint.Set("name", ConvertedName(name));
  for (size_t i = 0; i < options.size();) i += TakeOption(options, i, server, notes);
  for (std::string& note : sender_.EndServer()) notes.push_back(std::move(note));
  if (server.speaks_tls) {
    // Its clients' bytes would go to it in the clear.
    out.Note(line, Cat("left out: the server ", Printable(name),
                       " is reached by TLS, which is not here yet"));
    return;
  }
  if (server.checks_by_tls) {
    notes.emplace_back("checks do not speak TLS yet: check: connect takes the place of check-ssl");
  }
  if (server.is_disabled) {
    server.endpoint.Set("weight", "0");
    notes.emplace_back("disabled is weight: 0 here: it gets sessions when it has another weight");
  }
  if (!server.passive.Get("observe").empty()) {
    const std::string failures = server.passive.Get("failures");
    server.passive = {};
    server.passive.Set("failures", failures.empty() ? "10" : failures);  // the default there
  } else {
    server.passive = {};
  }
  for (const std::string& note : notes) out.Note(line, note);
  servers_.push_back(server);
}

// For each key the first one's value holds.
ConvertedKeys HaproxyServers::Merge(const Part& part, int line, Converted& out) const {
  ConvertedKeys merged;
  for (const Server& server : servers_) {
    if (!part.is_of(server)) continue;
    for (const auto& [key, value] : (server.*part.keys).all()) {
      if (merged.Get(key).empty()) merged.Set(key, value);
    }
  }
  for (const Server& server : servers_) {
    if (!part.is_of(server)) continue;
    for (const auto& [key, value] : merged.all()) {
      const std::string own = (server.*part.keys).Get(key);
      if (own == value) continue;
      out.Note(server.line,
               Cat(part.name, part.name.empty() ? "" : ".", key, " is one for all servers: ", value,
                   own.empty() ? ", also for one without it" : ", not ", own));
    }
  }
  if (!std::ranges::all_of(servers_, part.is_of) && std::ranges::any_of(servers_, part.is_of)) {
    out.Note(line, Cat(part.name, " holds for all servers, also for those without ", part.word));
  }
  return merged;
}

// Returns how many words it took.
size_t HaproxyServers::TakeOption(const Words& options, size_t i, Server& server, Words& notes) {
  const std::string& word = options[i];
  const std::string value = i + 1 < options.size() ? options[i + 1] : "";
  if (TakeFlag(word, server, notes)) return 1;
  if (!value.empty() && TakeValue(word, value, server)) return 2;
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

// An option without a value. "no-…" takes back what default-server says.
bool HaproxyServers::TakeFlag(const std::string& word, Server& server, Words& notes) {
  const bool is_on = !word.starts_with("no-");
  const std::string flag = is_on ? word : word.substr(3);
  if (flag == "check") {
    server.has_check = is_on;
  } else if (flag == "check-ssl") {
    server.checks_by_tls = is_on;
  } else if (flag == "ssl") {
    server.speaks_tls = is_on;
  } else if (flag == "agent-check") {
    server.has_agent = is_on;
  } else if (flag == "backup") {
    server.is_backup = is_on;
  } else if (word == "disabled" || word == "enabled") {
    server.is_disabled = word == "disabled";
  } else if (flag.starts_with("send-proxy") && !is_on) {
    sender_.DropWord(flag);
  } else if (flag.starts_with("send-proxy")) {
    for (std::string& note : sender_.TakeWord(word)) notes.push_back(std::move(note));
  } else if (flag != "check-send-proxy") {  // so it is here
    return false;
  }
  return true;
}

bool HaproxyServers::TakeValue(const std::string& word, const std::string& value, Server& server) {
  struct Place {
    ConvertedKeys Server::* keys;
    std::string_view key;
    std::string (*format)(std::string);
  };
  const auto as_it_is = [](std::string text) { return text; };
  const auto time = [](std::string text) { return HaproxyTime(text); };
  const auto quoted = [](std::string text) { return YamlQuoted(text); };
  static const std::map<std::string_view, Place> kPlaces = {
      {"inter", {&Server::health, "interval", time}},
      {"fastinter", {&Server::health, "fast_interval", time}},
      {"downinter", {&Server::health, "down_interval", time}},
      {"rise", {&Server::health, "rise", as_it_is}},
      {"fall", {&Server::health, "fall", as_it_is}},
      {"port", {&Server::target, "port", as_it_is}},
      {"addr", {&Server::target, "address", quoted}},
      {"weight", {&Server::endpoint, "weight", as_it_is}},
      {"maxconn", {&Server::endpoint, "max_connections", as_it_is}},
      {"agent-port", {&Server::agent, "port", as_it_is}},
      {"agent-inter", {&Server::agent, "interval", time}},
      {"agent-addr", {&Server::agent, "address", quoted}},
      {"agent-send", {&Server::agent, "send", BytesYaml}},
      {"error-limit", {&Server::passive, "failures", as_it_is}},
      {"slowstart", {&Server::upstream, "slow_start", time}},
  };
  if (const auto found = kPlaces.find(word); found != kPlaces.end()) {
    const auto& [keys, key, format] = found->second;
    (server.*keys).Set(key, format(value));
    return true;
  }
  if (word == "observe" && value == "layer4") {
    server.passive.Set("observe", value);
    return true;
  }
  if (word == "on-marked-down" && value == "shutdown-sessions") {
    server.health.Set("on_down", "reset");
    return true;
  }
  return false;
}

// What is not said of times there is `inter`, also for how long a check may take.
ConvertedKeys HaproxyServers::Health(const Backend& backend, int line, Converted& out) const {
  const auto is_checked = [](const Server& server) { return server.has_check; };
  const auto first = std::ranges::find_if(servers_, is_checked);
  if (first == servers_.end()) return {};
  const ConvertedKeys own = Merge({"health", &Server::health, is_checked, "check"}, line, out);
  // At a port that is not theirs some would be down for good.
  const bool has_one_target = std::ranges::all_of(servers_, [&](const Server& server) {
    return server.has_check ? server.target.all() == first->target.all() : first->target.empty();
  });
  const bool by_tls = std::ranges::any_of(servers_, &Server::checks_by_tls);
  ConvertedKeys health;
  backend.check.SetOn(health, by_tls || !has_one_target, out);
  const bool has_target = !health.Get("port").empty() || !health.Get("address").empty();
  if (!has_one_target) {
    out.Note(line, Cat("not all servers are checked at one port and address: check: connect takes "
                       "the place",
                       has_target ? "" : ", at each one's own"));
  } else if (!has_target) {
    for (const auto& [key, value] : first->target.all()) health.Set(key, value);
  }
  const std::string interval = own.Get("interval").empty() ? "2s" : own.Get("interval");
  for (const std::string_view key : {"interval", "fast_interval", "down_interval", "timeout"}) {
    health.Set(key, interval);
  }
  if (!backend.check_timeout.empty()) health.Set("timeout", backend.check_timeout);
  for (const auto& [key, value] : own.all()) health.Set(key, value);
  return health;
}

bool HaproxyServers::HaveLimits() const {
  return std::ranges::any_of(servers_, [](const Server& server) {
    const std::string limit = server.endpoint.Get("max_connections");
    return !limit.empty() && limit != "0";
  });
}

void HaproxyServers::SetOn(ConvertedUpstream& upstream, const Backend& backend,
                           Converted& out) const {
  constexpr int kMostPriority = 255;
  int backups = 0;
  for (const Server& server : servers_) {
    upstream.endpoints.push_back(server.endpoint);
    if (!server.is_backup) continue;
    // Without allbackups the first one that works gets all.
    if (backups == 0 || !backend.all_backups) backups = std::min(backups + 1, kMostPriority);
    upstream.endpoints.back().Set("priority", Cat(backups));
  }
  sender_.SetOn(upstream.keys);
  const auto is_any = [](const Server&) { return true; };
  const auto all = Merge({"", &Server::upstream, is_any, ""}, upstream.line, out);
  for (const auto& [key, value] : all.all()) upstream.keys.Set(key, value);
  const auto has_agent = [](const Server& server) { return server.has_agent; };
  ConvertedKeys agent =
      Merge({"agent", &Server::agent, has_agent, "agent-check"}, upstream.line, out);
  if (!agent.empty()) {
    if (agent.Get("interval").empty()) agent.Set("interval", "2s");
    upstream.keys.Set("agent", agent.ToYaml());
  }
  const auto observes = [](const Server& server) { return !server.passive.empty(); };
  upstream.passive_health =
      Merge({"passive_health", &Server::passive, observes, "observe"}, upstream.line, out);
  if (!upstream.passive_health.empty()) {
    out.Note(upstream.line,
             "passive_health ejects a server for a while; there on-error says what to do");
  }
  upstream.health = Health(backend, upstream.line, out);
}

}  // namespace sluice::conf
