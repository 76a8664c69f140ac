#include "conf/haproxy_section.h"

#include <map>
#include <string_view>
#include <utility>

#include "conf/haproxy_requests.h"
#include "conf/haproxy_words.h"
#include "conf/not_converted.h"
#include "conf/text/text.h"

namespace sluice::conf {

HaproxySection::HaproxySection(const HaproxySection& defaults, const HaproxySectionText& text)
    : HaproxySection(defaults) {
  kind_ = text.kind();
  name_ = text.name();
  line_ = text.head.number;
  check_.Inherit();
}

void HaproxySection::Read(const HaproxyLine& line, Converted& out) {
  const std::string& word = line.words[0];
  if (word == "mode" || word == "description" || word == "id") return;
  if (word == "disabled" || word == "enabled") {
    is_disabled_ = word == "disabled";
    return;
  }
  if (word == "timeout" && times_.Take(line.number, line.words)) return;
  if (ReadListener(line, out) || ReadUpstream(line, out)) return;
  out.Note(line.number, NotConverted(line.words));
}

bool HaproxySection::ReadListener(const HaproxyLine& line, Converted& out) {
  const Words& words = line.words;
  const std::string value = words.size() > 1 ? words[1] : "";
  if (words[0] == "bind") {
    TakeHaproxyBind(line, listener_, binds_, out);
  } else if (words[0] == "default_backend") {
    listener_.upstream = ConvertedName(value);
  } else if (words[0] == "maxconn") {
    listener_.keys.Set("max_connections", value);
  } else if (words[0] == "backlog") {
    listener_.socket.Set("backlog", value);
  } else if (words[0] == "rate-limit" && value == "sessions" && words.size() == 3) {
    listener_.keys.Set("new_connections", words[2] + "/s");
  } else if (words[0] == "acl") {
    const bool is_for_routes = routes_.TakeAcl(words);
    return access_.TakeAcl(words) || is_for_routes;
  } else if (words[0] == "use_backend") {
    return routes_.TakeUseBackend(line.number, words);
  } else {
    return words[0] == "tcp-request" && ReadTcpRequest(line, out);
  }
  return true;
}

bool HaproxySection::ReadTcpRequest(const HaproxyLine& line, Converted& out) {
  const Words& words = line.words;
  const bool is_route = routes_.TakeTcpRequest(words);
  // What a rule about TLS accepts, later rules do not see.
  if (is_route && (words.size() < 3 || words[2] != "accept")) return true;
  if (access_.TakeRule(line)) return true;
  if (words.size() < 2 || words[1] != "connection") return false;
  for (const std::string& note : TakeExpectProxy(words, listener_)) out.Note(line.number, note);
  return true;
}

bool HaproxySection::ReadUpstream(const HaproxyLine& line, Converted& out) {
  const Words& words = line.words;
  const std::string value = words.size() > 1 ? words[1] : "";
  if (words[0] == "balance") return ReadBalance(value);
  if (words[0] == "server") {
    ReadServer(line, out);
  } else if (words[0] == "default-server") {
    default_server_.insert(default_server_.end(), words.begin() + 1, words.end());
  } else if (words[0] == "source") {
    servers_.TakeSource(line, out);
  } else if (words[0] == "retries" && ParseDecimal(value) && *ParseDecimal(value) < 100) {
    upstream_.Set("connect_attempts", Cat(*ParseDecimal(value) + 1));
  } else if (words[0] == "hash-type") {
    return value == "consistent";  // so it is here
  } else if (words[0] == "option" && value == "allbackups") {
    all_backups_ = true;
  } else if (words[0] == "no" && words.size() == 3 && words[2] == "allbackups") {
    all_backups_ = false;
  } else if (words[0] == "option" && value == "redispatch") {
    return true;  // so it is here
  } else {
    return check_.Take(line);
  }
  return true;
}

bool HaproxySection::ReadBalance(const std::string& policy) {
  static const std::map<std::string, std::string> kOurs = {{"roundrobin", "round_robin"},
                                                           {"static-rr", "round_robin"},
                                                           {"leastconn", "least_connections"},
                                                           {"source", "source_hash"},
                                                           {"first", "first"},
                                                           {"random", "random_two"},
                                                           {"random(2)", "random_two"}};
  const auto found = kOurs.find(policy);
  if (found == kOurs.end()) return false;
  upstream_.Set("balance", found->second);
  return true;
}

void HaproxySection::ReadServer(const HaproxyLine& line, Converted& out) {
  const Words& words = line.words;
  if (words.size() < 3) return out.Note(line.number, NotConverted(words));
  const std::string address = HaproxyAddress(words[2]);
  if (address.empty()) {
    out.Note(line.number, Cat("left out: the server ", Printable(words[1]),
                              " has no port of its own: ", Printable(words[2])));
    return;
  }
  if (address.starts_with("0.0.0.0:") || address.starts_with("[::]:")) {
    out.Note(line.number, Cat("left out: the server ", Printable(words[1]),
                              " is wherever a client wanted to go: ", Printable(words[2])));
    return;
  }
  Words options = default_server_;
  options.insert(options.end(), words.begin() + 3, words.end());
  servers_.Take(line.number, words[1], address, options, out);
}

void HaproxySection::NoteLeftOut(std::string_view why, Converted& out) const {
  out.Note(line_, Cat("left out: ", kind_, " ", Printable(name_), " ", why));
}

// There that to connect is one to wait for a server, too, unless another one is said.
void HaproxySection::SetQueueTimeout(ConvertedUpstream& upstream, Converted& out) const {
  std::string time = times_.GetPositive("queue");
  if (time.empty() && servers_.HaveLimits()) {
    time = times_.GetPositive("connect");
    if (time.empty()) {
      out.Note(line_,
               "no timeout queue or connect: there a session waits for a server with maxconn for "
               "ever, here queue_timeout ends it after 5s");
    }
  }
  if (!time.empty()) upstream.keys.Set("queue_timeout", time);
}

void HaproxySection::AddUpstream(Converted& out) const {
  // Of a listener that has its own servers these are its own.
  if (kind_ == "backend" && (access_.RejectsSome() || routes_.rejects_others())) {
    return NoteLeftOut("rejects clients: here a listener does, for all that it serves", out);
  }
  ConvertedUpstream upstream{.name = ConvertedName(name_), .line = line_, .keys = upstream_};
  SetQueueTimeout(upstream, out);
  servers_.SetOn(
      upstream,
      {.check = check_, .check_timeout = times_.GetPositive("check"), .all_backups = all_backups_},
      out);
  out.upstreams.push_back(std::move(upstream));
}

void HaproxySection::AddListeners(Converted& out) const {
  ConvertedListener listener = listener_;
  listener.name = ConvertedName(name_);
  listener.line = line_;
  if (kind_ == "listen" && listener.upstream.empty()) listener.upstream = listener.name;
  SetHaproxyBindLimit(binds_, listener, out);
  if (!routes_.SetOn(listener)) {
    out.Note(line_,
             "tcp-request inspect-delay and content: a listener without routes does not wait");
  }
  constexpr std::string_view kIsOpen = "has rules without which it would let in other clients";
  const bool is_proxied = !listener.keys.Get("proxy_protocol").empty();
  ConvertedListener proxied = listener;
  if (!listener.binds.empty() || binds_.proxied.empty()) {
    const bool maps =
        is_proxied ? access_.SetOnProxied(listener, out) : access_.SetOn(listener, out);
    if (!maps) return NoteLeftOut(kIsOpen, out);
    out.listeners.push_back(listener);
  }
  if (binds_.proxied.empty()) return;
  proxied.binds = binds_.proxied;
  proxied.SetProxyProtocol("required", {});
  if (!access_.SetOnProxied(proxied, out)) return NoteLeftOut(kIsOpen, out);
  if (!listener.binds.empty()) {
    proxied.name = ConvertedName(Cat(name_, "-proxied"));
    out.Note(line_,
             Cat("the addresses with accept-proxy are a listener of their own: ", proxied.name));
  }
  out.listeners.push_back(std::move(proxied));
}

}  // namespace sluice::conf
