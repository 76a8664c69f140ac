#include "conf/nginx_upstream.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "conf/not_converted.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

void Server(const NginxDirective& each, ConvertedUpstream& upstream, Converted& out) {
  ConvertedKeys endpoint;
  const std::string& address = each.words[1];
  if (!address.starts_with("unix:") && address.rfind(':') == address.npos) {
    out.Note(each.line, Cat("left out: the server ", Printable(address), " has no port"));
    return;
  }
  endpoint.Set("address", YamlQuoted(address));
  ConvertedKeys passive;
  bool is_down = false;
  for (size_t i = 2; i < each.words.size(); ++i) {
    const std::string& word = each.words[i];
    const size_t equals = std::min(word.find('='), word.size());
    const std::string key = word.substr(0, equals);
    const std::string value = word.substr(std::min(equals + 1, word.size()));
    if (key == "weight") {
      endpoint.Set("weight", value);
    } else if (key == "max_conns") {
      endpoint.Set("max_connections", value);
    } else if (key == "backup") {
      endpoint.Set("priority", "1");
    } else if (key == "down") {
      is_down = true;
    } else if (key == "max_fails") {
      passive.Set("failures", value);
    } else if (key == "fail_timeout" && !NginxTime(value).empty()) {
      passive.Set("ejection", NginxTime(value));
    } else if (key == "slow_start" && !NginxTime(value).empty()) {
      upstream.keys.Set("slow_start", NginxTime(value));
    } else if (key != "resolve") {  // names are watched here
      out.Note(each.line, NotConverted({word}));
    }
  }
  if (is_down) endpoint.Set("weight", "0");
  if (passive.Get("failures") != "0") {  // which is off
    for (const auto& [key, value] : passive.all()) {
      const std::string old = upstream.passive_health.Get(key);
      if (old.empty()) upstream.passive_health.Set(key, value);
      if (old.empty() || old == value) continue;
      out.Note(each.line, Cat("passive_health.", key, " is one for all servers: ", old, ", not ",
                              Printable(value)));
    }
  }
  upstream.endpoints.push_back(std::move(endpoint));
}

}  // namespace

ConvertedUpstream NginxUpstream(const NginxDirective& directive, Converted& out) {
  ConvertedUpstream upstream;
  upstream.name = ConvertedName(directive.words.size() > 1 ? directive.words[1] : "");
  upstream.line = directive.line;
  for (const NginxDirective& each : directive.block) {
    const std::string& word = each.words[0];
    if (word == "server" && each.words.size() > 1) {
      Server(each, upstream, out);
    } else if (word == "least_conn") {
      upstream.keys.Set("balance", "least_connections");
    } else if (word == "random") {
      upstream.keys.Set("balance", "random_two");
    } else if (word == "hash" && each.words.size() > 1 && each.words[1] == "$remote_addr") {
      upstream.keys.Set("balance", "source_hash");
    } else if (word == "least_time") {
      upstream.keys.Set("balance", "fastest");
    } else if (word != "zone") {  // all workers know the same here
      out.Note(each.line, NotConverted(each.words));
    }
  }
  if (upstream.endpoints.size() == 1 && !upstream.passive_health.empty()) {
    upstream.passive_health = {};
    out.Note(upstream.line,
             "max_fails and fail_timeout have no effect there either: there is one "
             "server");
  }
  // One failure in ten seconds is what nginx goes by where the other of the two is given.
  ConvertedKeys& passive = upstream.passive_health;
  if (!passive.empty() && passive.Get("failures").empty()) passive.Set("failures", "1");
  if (!passive.empty() && passive.Get("ejection").empty()) passive.Set("ejection", "10s");
  return upstream;
}

}  // namespace sluice::conf
