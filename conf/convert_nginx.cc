// From nginx's words: the block `stream`.

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/converted.h"
#include "conf/nginx_maps.h"
#include "conf/nginx_upstream.h"
#include "conf/nginx_words.h"
#include "conf/not_converted.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

using Directive = NginxDirective;

// "10k" and "1m" of nginx as sizes of ours; "" for 0.
std::string RateOf(std::string text) {
  if (text == "0" || text.empty()) return "";
  const char unit = text.back();
  if (IsAsciiDigit(unit)) return text + "B/s";
  text.pop_back();
  const bool is_kilo = unit == 'k' || unit == 'K';
  return text + (is_kilo ? "KiB/s" : "MiB/s");
}

// "12345", "*:80" and "localhost:80" as an address to listen at.
std::string ListenAddress(const std::string& text) {
  if (text.starts_with("unix:")) return text;
  if (ParseDecimal(text)) return "0.0.0.0:" + text;
  if (text.starts_with("*:")) return "0.0.0.0" + text.substr(1);
  if (text.starts_with("localhost:")) return "127.0.0.1" + text.substr(9);
  return text.rfind(':') == text.npos ? "" : text;
}

class Nginx {
 public:
  explicit Nginx(Converted& out) : out_(out) {}

  void Read(const std::vector<Directive>& all) {
    bool has_stream = false;
    for (const Directive& each : all) {
      if (each.words[0] == "stream") {
        has_stream = true;
        Stream(each.block);
      } else if (each.words[0] == "http" || each.words[0] == "mail") {
        out_.Note(each.line, Cat("left out: the block ", each.words[0]));
      } else if (each.words[0] == "events") {
        for (const Directive& inner : each.block) Events(inner);
      } else if (each.words[0] == "worker_processes" && each.words.size() == 2) {
        if (each.words[1] != "auto") out_.runtime.Set("workers", each.words[1]);
      } else {
        NoCounterpart(each);
      }
    }
    if (!has_stream) out_.Note(1, "there is no block stream");
  }

 private:
  void NoCounterpart(const Directive& directive) {
    out_.Note(directive.line, NotConverted(directive.words));
  }

  static std::string ValueOf(const Directive& directive) {
    return directive.words.size() > 1 ? directive.words[1] : "";
  }

  void Events(const Directive& each) {
    if (each.words[0] == "worker_connections") {
      out_.Note(each.line, "limits.max_connections is auto: half of the descriptors");
    } else {
      NoCounterpart(each);
    }
  }

  void Stream(const std::vector<Directive>& block) {
    for (const Directive& each : block) {
      if (each.words[0] == "upstream") out_.upstreams.push_back(NginxUpstream(each, out_));
      if (each.words[0] == "map" && !maps_.Take(each)) NoCounterpart(each);
    }
    for (const Directive& each : block) {
      const std::string& word = each.words[0];
      const std::string time = NginxTime(ValueOf(each));
      if (word == "upstream" || word == "map") continue;
      if (word == "server") {
        Server(each, block);
      } else if (word == "proxy_timeout" && !time.empty()) {
        out_.timeouts.Set("idle", time);
      } else if (word == "proxy_connect_timeout" && !time.empty()) {
        out_.timeouts.Set("connect", time);
      } else if (!IsOfServer(word)) {  // those are read with each server
        NoCounterpart(each);
      }
    }
    SetOfUpstreams();
  }

  // What a server has of the block around it, if it does not say so itself.
  static bool IsOfServer(std::string_view word) {
    return word == "proxy_protocol" || word == "proxy_protocol_timeout" || word == "proxy_bind" ||
           word == "set_real_ip_from" || word == "ssl_preread" || word == "preread_timeout" ||
           word == "proxy_ssl" || word == "proxy_half_close";
  }

  // What the servers say of the connections that they make is the upstream's here: one that two
  // servers use in two ways is two.
  void SetOfUpstreams() {
    for (size_t i = 0; i < made_.size(); ++i) {
      ConvertedListener& listener = out_.listeners[made_[i].listener];
      ConvertedUpstream* upstream = out_.Find(listener.upstream);
      if (upstream == nullptr) continue;
      const Made& made = made_[i];
      const auto first = std::ranges::find_if(made_, [&](const Made& other) {
        return out_.listeners[other.listener].upstream == listener.upstream;
      });
      if (first->send_proxy != made.send_proxy || first->source != made.source) {
        ConvertedUpstream copy = *upstream;
        copy.name = ConvertedName(Cat(listener.upstream, "-of-", listener.name));
        out_.Note(listener.line, Cat("its connections are others than those of other servers: ",
                                     copy.name, " is an upstream of its own"));
        listener.upstream = copy.name;
        copies_.push_back(std::move(copy));
        Apply(made, copies_.back());
      }
    }
    for (const Made& made : made_) {
      ConvertedUpstream* const upstream = out_.Find(out_.listeners[made.listener].upstream);
      if (upstream != nullptr) Apply(made, *upstream);
    }
    for (ConvertedUpstream& copy : copies_) out_.upstreams.push_back(std::move(copy));
  }

  // Of a server: how its connections are made.
  struct Made {
    size_t listener = 0;
    bool send_proxy = false;
    std::string source = {};
  };

  static void Apply(const Made& made, ConvertedUpstream& upstream) {
    if (made.send_proxy) upstream.keys.Set("send_proxy", "v1");
    if (!made.source.empty()) upstream.keys.Set("source_address", made.source);
  }

  // What is said of PROXY headers and of addresses; the last one holds.
  struct Told {
    bool accepts = false;
    std::string timeout = {};
    std::vector<std::string> trusted = {};
    bool reads_names = false;
    bool is_tls = false;       // towards the servers
    bool closes_both = false;  // when one direction has ended
    std::string read_timeout = {};
    Made made = {};
  };

  void Tell(const Directive& each, Told& told) {
    const std::string& word = each.words[0];
    const std::string value = ValueOf(each);
    if (word == "proxy_protocol") {
      told.made.send_proxy = value == "on";
    } else if (word == "proxy_protocol_timeout") {
      told.timeout = NginxTime(value);
      if (told.timeout.empty()) NoCounterpart(each);
    } else if (word == "set_real_ip_from") {
      told.trusted.push_back(value == "unix:" ? "unix" : value);
    } else if (word == "ssl_preread") {
      told.reads_names = value == "on";
    } else if (word == "preread_timeout") {
      told.read_timeout = NginxTime(value);
      if (told.read_timeout.empty()) NoCounterpart(each);
    } else if (word == "proxy_ssl") {
      told.is_tls = value == "on";
    } else if (word == "proxy_half_close") {
      told.closes_both = value == "off";
    } else if (value == "off") {
      told.made.source.clear();
    } else if (each.words.size() == 3 && value == "$remote_addr" &&
               each.words[2] == "transparent") {
      told.made.source = "client";
    } else if (each.words.size() == 2 && value.find_first_of("$:") == value.npos) {
      told.made.source = YamlQuoted(value);
    } else {
      NoCounterpart(each);
    }
  }

  // There who is not in set_real_ip_from may send a header, too, and is not believed.
  void SetProxyProtocol(const Told& told, ConvertedListener& listener) {
    listener.SetProxyProtocol("required", told.trusted);
    if (!told.timeout.empty()) {
      std::string value = listener.keys.Get("proxy_protocol");
      value.insert(value.size() - 2, Cat(", timeout: ", told.timeout));
      listener.keys.Set("proxy_protocol", value);
    }
    out_.Note(listener.line,
              told.trusted.empty()
                  ? "proxy_protocol believes every client: put the balancers' networks in trusted"
                  : "clients that are not in trusted are reset, with a header or without one");
  }

  void Server(const Directive& directive, const std::vector<Directive>& around) {
    ConvertedListener listener;
    listener.line = directive.line;
    listener.name = Cat("server", ++servers_);
    ConvertedKeys bandwidth;
    is_left_out_ = false;
    has_decided_ = false;
    variable_.clear();
    told_ = {};
    for (const Directive& each : around) {
      if (IsOfServer(each.words[0])) Tell(each, told_);
    }
    for (const Directive& each : directive.block) ServerLine(each, listener, bandwidth);
    if (!has_decided_ && !listener.allow.empty()) {
      LeaveOut(directive.line, "has an allow without deny all, which allows all");
    }
    if (told_.is_tls) LeaveOut(directive.line, "speaks TLS to its servers, which is not here yet");
    if (!variable_.empty()) Choose(directive.line, listener);
    if (is_left_out_) return;
    if (told_.closes_both) listener.keys.Set("half_close", "close");
    if (!bandwidth.empty()) listener.keys.Set("bandwidth", bandwidth.ToYaml());
    if (told_.accepts) SetProxyProtocol(told_, listener);
    told_.made.listener = out_.listeners.size();
    made_.push_back(told_.made);
    out_.listeners.push_back(std::move(listener));
  }

  void LeaveOut(int line, std::string_view why) {
    out_.Note(line, Cat("left out: a server that ", why));
    is_left_out_ = true;
  }

  void ServerLine(const Directive& each, ConvertedListener& listener, ConvertedKeys& bandwidth) {
    const std::string& word = each.words[0];
    const std::string value = ValueOf(each);
    const std::string time = NginxTime(value);
    if (word == "listen") {
      Listen(each, listener);
    } else if (word == "proxy_pass") {
      Pass(each, listener);
    } else if (word == "proxy_timeout" && !time.empty()) {
      listener.timeouts.Set("idle", time);
    } else if (word == "proxy_connect_timeout" && !time.empty()) {
      listener.timeouts.Set("connect", time);
    } else if (word == "allow" || word == "deny") {
      Access(each, listener);
    } else if (word == "proxy_download_rate" || word == "proxy_upload_rate") {
      if (!RateOf(value).empty()) bandwidth.Set("per_connection", RateOf(value));
      out_.Note(each.line, "bandwidth.per_connection is one for each direction");
    } else if (IsOfServer(word)) {
      Tell(each, told_);
    } else if (word == "tcp_nodelay") {
      if (value == "off") NoCounterpart(each);
    } else if (word == "proxy_next_upstream") {
      if (value != "on") NoCounterpart(each);  // so it is here
    } else {
      NoCounterpart(each);
    }
  }

  void Listen(const Directive& each, ConvertedListener& listener) {
    const std::string address = ListenAddress(ValueOf(each));
    if (address.empty() || address.find('-', address.rfind(':')) != address.npos) {
      out_.Note(each.line, Cat("no counterpart: ", JoinedWords(each.words)));
      return;
    }
    for (size_t i = 2; i < each.words.size(); ++i) {
      const std::string& word = each.words[i];
      if (word == "udp") return LeaveOut(each.line, "listens at a port of UDP");
      if (word == "ssl") return LeaveOut(each.line, "ends TLS, which is not here yet");
      if (word == "proxy_protocol") {
        told_.accepts = true;
      } else if (word.starts_with("backlog=")) {
        listener.socket.Set("backlog", word.substr(8));
      } else if (word == "ipv6only=off" && address.starts_with("[::]:")) {
        listener.of_both_families.emplace_back(each.line, address);
      } else if (word != "reuseport" && !word.starts_with("ipv6only=")) {  // so it is here
        out_.Note(each.line, NotConverted({word}));
      }
    }
    listener.binds.push_back(address);
  }

  void Pass(const Directive& each, ConvertedListener& listener) {
    const std::string value = ValueOf(each);
    if (value.starts_with('$')) {
      variable_ = value;
    } else if (value.find('$') != value.npos) {
      LeaveOut(each.line, "passes by a variable");
    } else {
      listener.upstream = UpstreamOf(value, each.line);
    }
  }

  // Of an upstream by name, else of an address.
  std::string UpstreamOf(const std::string& value, int line) {
    const std::string name = ConvertedName(value);
    if (out_.Find(name) != nullptr || value.find(':') == value.npos) return name;
    ConvertedKeys endpoint;
    endpoint.Set("address", YamlQuoted(value));
    out_.upstreams.push_back({.name = name, .line = line, .endpoints = {endpoint}});
    return name;
  }

  // The upstream by the name that a client of TLS asks for.
  void Choose(int line, ConvertedListener& listener) {
    const NginxMap* const map = maps_.Find(variable_);
    if (map == nullptr) return LeaveOut(line, "passes by a variable");
    listener.upstream = UpstreamOf(map->otherwise, line);
    if (!told_.reads_names) return;  // then the variable is empty
    for (const ConvertedRoute& each : map->routes) {
      listener.routes.push_back(each);
      listener.routes.back().upstream = UpstreamOf(each.upstream, each.line);
    }
    if (!told_.read_timeout.empty()) {
      listener.keys.Set("preread", Cat("{ timeout: ", told_.read_timeout, " }"));
    }
  }

  // There the first line that fits decides, here the most specific network. Both are the same for
  // a list of one kind that ends in "all" of the other one. Of another list no part is taken: it
  // would let in clients that are not to be.
  void Access(const Directive& each, ConvertedListener& listener) {
    const std::string value = ValueOf(each);
    const bool allows = each.words[0] == "allow";
    std::vector<std::string>& own = allows ? listener.allow : listener.deny;
    const std::vector<std::string>& other = allows ? listener.deny : listener.allow;
    const bool is_last = value == "all";
    const bool maps = is_last ? own.empty() && (allows || !other.empty()) : other.empty();
    if (!maps || has_decided_ || value.starts_with("unix")) {
      return LeaveOut(each.line, Cat("has a list whose order decides: ", JoinedWords(each.words)));
    }
    has_decided_ = is_last;
    if (!is_last) own.push_back(value);
  }

  Converted& out_;
  int servers_ = 0;
  bool is_left_out_ = false;
  bool has_decided_ = false;
  Told told_;
  std::string variable_;  // of proxy_pass
  NginxMaps maps_;
  std::vector<Made> made_;
  std::vector<ConvertedUpstream> copies_;
};

}  // namespace

Converted ConvertNginx(std::string_view text, std::string_view file) {
  Converted out(file);
  Nginx(out).Read(NginxDirectives(text, out));
  out.Finish();
  return out;
}

}  // namespace sluice::conf
