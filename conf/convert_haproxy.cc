// From HAProxy's words (2.x), in mode tcp.

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/converted.h"
#include "conf/haproxy_check.h"
#include "conf/haproxy_requests.h"
#include "conf/haproxy_routes.h"
#include "conf/haproxy_servers.h"
#include "conf/haproxy_words.h"
#include "conf/not_converted.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

using Words = std::vector<std::string>;

bool HasWord(const Words& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// What a section says, and inherits from `defaults`.
struct Section {
  std::string kind;
  std::string name;
  int line = 0;
  bool is_http = false;
  ConvertedListener listener = {};
  std::vector<std::string> proxied = {};  // the addresses with accept-proxy
  ConvertedUpstream upstream = {};
  Words default_server = {};
  ConvertedKeys times = {};  // "client", "server", "connect", …
  bool is_disabled = false;
  HaproxyCheck check = {};
  HaproxyServers servers = {};
  HaproxyRoutes routes = {};
};

class Haproxy {
 public:
  explicit Haproxy(Converted& out) : out_(out) {}

  void Line(int number, const Words& words) {
    line_ = number;
    if (words.empty()) return;
    const std::string& word = words[0];
    if (word == "global" || word == "defaults" || word == "frontend" || word == "backend" ||
        word == "listen" || IsOtherHaproxySection(word)) {
      Close();
      Open(words);
      return;
    }
    Read(words);
  }

  void Close() {
    if (section_.kind == "defaults") {
      if (!defaults_.kind.empty()) {
        out_.Note(section_.line, "the timeouts of a second section defaults hold for all sections");
      }
      defaults_ = section_;
      SetIdle(section_.times, out_.timeouts);
      SetTime("connect", "connect", out_.timeouts);
      SetTime("fin", "half_close", out_.timeouts);
    }
    const bool listens = section_.kind == "frontend" || section_.kind == "listen";
    const bool serves = section_.kind == "backend" || section_.kind == "listen";
    if ((listens || serves) && section_.is_http) {
      LeaveOut("is in mode http");
    } else if (section_.is_disabled) {
      LeaveOut("is disabled");
    } else {
      if (serves) AddUpstream();
      if (listens) AddListener();
    }
    section_ = Section();
  }

 private:
  void LeaveOut(std::string_view why) {
    out_.Note(section_.line,
              Cat("left out: ", section_.kind, " ", Printable(section_.name), " ", why));
  }

  void Open(const Words& words) {
    section_ = Section();
    section_.kind = words[0];
    section_.line = line_;
    section_.name = words.size() > 1 ? words[1] : "";
    if (IsOtherHaproxySection(words[0]))
      out_.Note(line_, Cat("left out: the section ", JoinedWords(words)));
    if (words[0] != "defaults" && words[0] != "global") {
      section_.is_http = defaults_.is_http;
      section_.upstream.keys = defaults_.upstream.keys;
      section_.listener.keys = defaults_.listener.keys;
      section_.listener.socket = defaults_.listener.socket;
      section_.listener.upstream = defaults_.listener.upstream;
      section_.default_server = defaults_.default_server;
      section_.check = defaults_.check;
      section_.upstream.health = defaults_.upstream.health;
    }
  }

  void NoCounterpart(const Words& words) { out_.Note(line_, NotConverted(words)); }

  void NoteAll(const Words& notes) {
    for (const std::string& note : notes) out_.Note(line_, note);
  }

  void Read(const Words& words) {
    if (section_.kind.empty() || IsOtherHaproxySection(section_.kind)) return;  // told already
    const std::string& word = words[0];
    const std::string value = words.size() > 1 ? words[1] : "";
    if (section_.kind == "global") return ReadGlobal(words, value);
    if (word == "mode") {
      section_.is_http = value == "http";
    } else if (section_.is_http && section_.kind != "defaults") {
      return;  // the section is left out as a whole
    } else if (word == "bind") {
      Bind(words);
    } else if (word == "default_backend") {
      section_.listener.upstream = ConvertedName(value);
    } else if (word == "maxconn") {
      section_.listener.keys.Set("max_connections", value);
    } else if (word == "balance") {
      Balance(words);
    } else if (word == "server") {
      Server(words);
    } else if (word == "default-server") {
      section_.default_server.insert(section_.default_server.end(), words.begin() + 1, words.end());
    } else if (word == "timeout" && words.size() == 3) {
      Timeout(words);
    } else if (word == "retries" && ParseDecimal(value) && *ParseDecimal(value) < 100) {
      section_.upstream.keys.Set("connect_attempts", Cat(*ParseDecimal(value) + 1));
    } else if (word == "tcp-request" && value == "connection") {
      NoteAll(TakeTcpRequestConnection(words, section_.listener));
    } else if (word == "source") {
      NoteAll(section_.servers.TakeSource({words.begin() + 1, words.end()}));
    } else if (word == "backlog") {
      section_.listener.socket.Set("backlog", value);
    } else if (word == "rate-limit" && value == "sessions" && words.size() == 3) {
      section_.listener.keys.Set("new_connections", words[2] + "/s");
    } else if (word == "disabled" || word == "enabled") {
      section_.is_disabled = word == "disabled";
    } else if (word == "hash-type") {
      if (value != "consistent") NoCounterpart(words);  // so it is here
    } else if (word != "description" && word != "id" && !ReadParts(words)) {
      NoCounterpart(words);
    }
  }

  void ReadGlobal(const Words& words, const std::string& value) {
    if (words[0] == "maxconn") return out_.limits.Set("max_connections", value);
    if (words[0] == "maxconnrate") return out_.limits.Set("new_connections", value + "/s");
    if (words[0] == "nbthread") return out_.runtime.Set("workers", value);
    if (words[0] == "hard-stop-after") {
      return out_.shutdown.Set("drain_timeout", HaproxyTime(value));
    }
    NoCounterpart(words);
  }

  // What has a file of its own.
  bool ReadParts(const Words& words) {
    const std::string& word = words[0];
    if (word == "option") return Option(words);
    if (word == "http-check") return section_.check.TakeHttp(words);
    if (word == "tcp-check") return section_.check.TakeTcp(words);
    if (word == "acl") return section_.routes.TakeAcl(words);
    if (word == "use_backend") return section_.routes.TakeUseBackend(line_, words);
    return word == "tcp-request" && section_.routes.TakeTcpRequest(words);
  }

  bool Option(const Words& words) {
    const std::string value = words.size() > 1 ? words[1] : "";
    return value == "redispatch" || section_.check.TakeOption(words);  // the first: so it is here
  }

  void Timeout(const Words& words) {
    const std::string time = HaproxyTime(words[2]);
    if (words[1] == "queue") {
      section_.upstream.keys.Set("queue_timeout", time);
    } else if (words[1] == "check") {
      section_.upstream.health.Set("timeout", time);
    } else if (words[1] == "client" || words[1] == "server" || words[1] == "connect" ||
               words[1] == "tunnel") {
      section_.times.Set(words[1], time);
    } else if (words[1] == "client-fin" || words[1] == "server-fin") {
      const std::string other = section_.times.Get("fin");
      if (!other.empty() && other != time) {
        out_.Note(line_, Cat("timeouts.half_close is one for both sides: ", time, ", not ", other));
      }
      section_.times.Set("fin", time);
    } else {
      NoCounterpart(words);
    }
  }

  void SetTime(std::string_view theirs, std::string_view ours, ConvertedKeys& out) {
    const std::string time = section_.times.Get(theirs);
    if (!time.empty()) out.Set(ours, time);
  }

  // That of a tunnel takes the place of both others as soon as a session is connected.
  std::string Tunnel() const {
    const std::string own = section_.times.Get("tunnel");
    return own.empty() ? defaults_.times.Get("tunnel") : own;
  }

  // One time for both sides.
  void SetIdle(const ConvertedKeys& times, ConvertedKeys& out) {
    const std::string client = times.Get("client");
    const std::string server = times.Get("server");
    const std::string tunnel = Tunnel();
    if (client.empty() && server.empty() && times.Get("tunnel").empty()) return;
    if (!tunnel.empty()) return out.Set("idle", tunnel);
    out.Set("idle", client.empty() ? server : client);
    if (!client.empty() && !server.empty() && client != server) {
      out_.Note(section_.line, Cat("timeouts.idle is one for both sides: ", client,
                                   " of timeout client, not ", server));
    }
  }

  void Bind(const Words& words) {
    if (std::ranges::find(words, "ssl") != words.end()) {
      out_.Note(line_, Cat("left out: an address that ends TLS, which is not here yet: ",
                           JoinedWords(words)));
      return;
    }
    const bool is_proxied = std::ranges::find(words, "accept-proxy") != words.end();
    std::vector<std::string>& binds = is_proxied ? section_.proxied : section_.listener.binds;
    for (const std::string& each : SplitAtCommas(words.size() > 1 ? words[1] : "")) {
      const std::string address = HaproxyAddress(each);
      if (address.empty()) {
        out_.Note(line_, Cat("no counterpart: an address such as ", Printable(each)));
        continue;
      }
      binds.push_back(address);
      // As the kernel has it, whose net.ipv6.bindv6only is 0 unless it was set.
      if (address.starts_with("[::]:") && !HasWord(words, "v6only")) {
        section_.listener.of_both_families.emplace_back(line_, address);
      }
    }
    if (is_proxied) {
      out_.Note(line_,
                "accept-proxy believes every client: put the balancers' networks in trusted");
    }
    for (size_t i = 2; i < words.size();) {
      const size_t count = BindOption(words[i], i + 1 < words.size() ? words[i + 1] : "");
      if (count == 0) return NoCounterpart({words.begin() + static_cast<long>(i), words.end()});
      i += count;
    }
  }

  // Returns how many words it took; 0: what belongs to which word is not known.
  size_t BindOption(const std::string& word, const std::string& value) {
    if (word == "accept-proxy" || word == "v4v6" || word == "v6only") return 1;  // read above
    if (word == "tfo" || word == "defer-accept") {
      NoCounterpart({word});
      return 1;
    }
    if (value.empty()) return 0;
    if (word == "maxconn") {
      section_.listener.keys.Set("max_connections", value);
    } else if (word == "backlog") {
      section_.listener.socket.Set("backlog", value);
    } else if (word == "mode") {
      section_.listener.socket.Set("unix_mode", YamlQuoted("0" + value));
    } else if (word == "tcp-ut") {
      section_.listener.socket.Set("user_timeout", HaproxyTime(value));
    } else if (word == "user" || word == "uid") {
      out_.Note(line_, Cat("not converted: ", JoinedWords({word, value}),
                           " (see listeners[].socket.unix_owner)"));
    } else if (word == "group" || word == "gid") {
      out_.Note(line_, Cat("not converted: ", JoinedWords({word, value}),
                           " (see listeners[].socket.unix_group)"));
    } else if (word != "name") {
      return 0;
    }
    return 2;
  }

  void Balance(const Words& words) {
    static const std::map<std::string, std::string> kOurs = {{"roundrobin", "round_robin"},
                                                             {"static-rr", "round_robin"},
                                                             {"leastconn", "least_connections"},
                                                             {"source", "source_hash"},
                                                             {"first", "first"},
                                                             {"random", "random_two"},
                                                             {"random(2)", "random_two"}};
    const auto found = kOurs.find(words.size() > 1 ? words[1] : "");
    if (found == kOurs.end()) return NoCounterpart(words);
    section_.upstream.keys.Set("balance", found->second);
  }

  void Server(const Words& words) {
    if (words.size() < 3) return NoCounterpart(words);
    const std::string address = HaproxyAddress(words[2]);
    if (address.empty()) {
      out_.Note(line_, Cat("left out: the server ", Printable(words[1]),
                           " has no port of its own: ", Printable(words[2])));
      return;
    }
    Words options = section_.default_server;
    options.insert(options.end(), words.begin() + 3, words.end());
    NoteAll(section_.servers.Take(words[1], address, options));
  }

  void AddUpstream() {
    ConvertedUpstream& upstream = section_.upstream;
    upstream.name = ConvertedName(section_.name);
    upstream.line = section_.line;
    for (const std::string& note : section_.servers.SetOn(upstream, section_.check)) {
      out_.Note(section_.line, note);
    }
    SetTime("connect", "connect", upstream.timeouts);
    if (section_.kind == "backend") {
      SetTime("fin", "half_close", upstream.timeouts);
      const bool has_own =
          !section_.times.Get("server").empty() || !section_.times.Get("tunnel").empty();
      const std::string tunnel = Tunnel();
      if (has_own) {
        upstream.timeouts.Set("idle", tunnel.empty() ? section_.times.Get("server") : tunnel);
      }
    }
    out_.upstreams.push_back(upstream);
  }

  void AddListener() {
    ConvertedListener& listener = section_.listener;
    listener.name = ConvertedName(section_.name);
    listener.line = section_.line;
    if (section_.kind == "listen" && !section_.upstream.endpoints.empty()) {
      listener.upstream = listener.name;
    }
    SetIdle(section_.times, listener.timeouts);
    SetTime("fin", "half_close", listener.timeouts);
    if (!section_.routes.SetOn(listener)) {
      out_.Note(section_.line,
                "tcp-request inspect-delay and content: a listener without routes does not wait");
    }
    ConvertedListener proxied = listener;
    if (!listener.binds.empty() || section_.proxied.empty()) out_.listeners.push_back(listener);
    if (section_.proxied.empty()) return;
    proxied.binds = section_.proxied;
    proxied.SetProxyProtocol("required", {});
    if (!listener.binds.empty()) {
      proxied.name = ConvertedName(Cat(section_.name, "-proxied"));
      out_.Note(listener.line,
                Cat("the addresses with accept-proxy are a listener of their own: ", proxied.name));
    }
    out_.listeners.push_back(proxied);
  }

  Converted& out_;
  Section section_;
  Section defaults_;
  int line_ = 0;
};

}  // namespace

Converted ConvertHaproxy(std::string_view text, std::string_view file) {
  Converted out(file);
  Haproxy haproxy(out);
  int number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    haproxy.Line(++number, HaproxyWords(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  haproxy.Close();
  out.Finish();
  return out;
}

}  // namespace sluice::conf
