// From nginx's words: the block `stream`.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/converted.h"
#include "conf/nginx_maps.h"
#include "conf/nginx_senders.h"
#include "conf/nginx_told.h"
#include "conf/nginx_upstream.h"
#include "conf/nginx_words.h"
#include "conf/not_converted.h"
#include "conf/text/text.h"
#include "conf/text/units.h"

namespace sluice::conf {
namespace {

using Directive = NginxDirective;

// "10k" and "1m" of nginx as sizes of ours.
std::string RateOf(std::string text) {
  if (text.empty()) return "";
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

// "proxy_download_rate 100k"
struct Rate {
  int line = 0;
  std::string word;
  std::string text;  // in our words
  uint64_t bytes = 0;
};

class Nginx {
 public:
  explicit Nginx(Converted& out) : out_(out) {}

  void Read(const std::vector<Directive>& all) {
    if (IsInsideOfStream(all)) return Stream(all);
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

  // A file that is included there, such as stream.d/db.conf. One of the block http has locations.
  static bool IsInsideOfStream(const std::vector<Directive>& all) {
    bool has_server = false;
    for (const Directive& each : all) {
      const std::string& word = each.words[0];
      if (word == "stream" || word == "http" || word == "mail" || word == "location") return false;
      has_server = has_server || word == "server" || word == "upstream";
      for (const Directive& inner : each.block) {
        const std::string& inside = inner.words[0];
        if (inside == "location" || inside == "server_name" || inside == "root") return false;
      }
    }
    return has_server;
  }

  void Events(const Directive& each) {
    if (each.words[0] == "worker_connections") {
      out_.Note(each.line, "limits.max_connections is auto: half of the descriptors");
    } else {
      NoCounterpart(each);
    }
  }

  void Stream(const std::vector<Directive>& block) {
    // Its defaults, some of which are other ones than here. Its idle holds for a side that takes
    // nothing, too.
    SetIdle("10m", out_.timeouts);
    out_.timeouts.Set("connect", "60s");
    for (const Directive& each : block) {
      const std::string& word = each.words[0];
      if (word == "upstream") {
        out_.upstreams.push_back(NginxUpstream(each, out_));
        NoteFailures(each, out_.upstreams.back());
      } else if (word == "map") {
        if (!maps_.Take(each)) NoCounterpart(each);
      } else if (word != "server" && !IsToldByNginx(word) && !TakeTime(each, out_.timeouts)) {
        NoCounterpart(each);
      }
    }
    for (const Directive& each : block) {
      if (each.words[0] == "server") Server(each, block);
    }
    SetNginxSenders(senders_, out_);
  }

  static void SetIdle(std::string_view time, ConvertedKeys& timeouts) {
    timeouts.Set("idle", time);
    timeouts.Set("write_stall", time);
  }

  // "proxy_timeout 5m". Returns false if it is no time.
  static bool TakeTime(const Directive& each, ConvertedKeys& timeouts) {
    const std::string time = NginxTime(ValueOf(each));
    if (time.empty()) return false;
    if (each.words[0] == "proxy_timeout") {
      SetIdle(time, timeouts);
      return true;
    }
    if (each.words[0] == "proxy_connect_timeout") timeouts.Set("connect", time);
    return each.words[0] == "proxy_connect_timeout";
  }

  // Said once, since it is so of most files.
  void NoteFailures(const Directive& directive, const ConvertedUpstream& upstream) {
    if (has_noted_failures_ || upstream.endpoints.size() < 2) return;
    if (!upstream.passive_health.empty()) return;
    for (const Directive& each : directive.block) {
      const bool says = std::ranges::any_of(
          each.words, [](const std::string& word) { return word.starts_with("max_fails="); });
      if (each.words[0] != "server" || says) continue;
      has_noted_failures_ = true;
      out_.Note(each.line,
                "without max_fails one failure takes a server out for 10s there; here "
                "passive_health is off unless it says { failures: 1, ejection: 10s }");
      return;
    }
  }

  void Tell(const Directive& each) {
    if (!told_.Take(each)) NoCounterpart(each);
  }

  // There allow and deny go by the peer, which is the balancer, unless set_real_ip_from believes
  // what it says; here access goes by what it says, which anybody can.
  void TrustAllowed(int line, ConvertedListener& listener) {
    if (!listener.deny.empty()) LeaveOut(line, "denies balancers, which trusted cannot say");
    told_.trusted = std::exchange(listener.allow, {});
  }

  // There who is not in set_real_ip_from may send a header, too, and is not believed.
  void SetProxyProtocol(const NginxTold& told, ConvertedListener& listener) {
    listener.SetProxyProtocol("required", told.trusted);
    std::string value = listener.keys.Get("proxy_protocol");
    value.insert(value.size() - 2, Cat(", timeout: ", told.timeout));
    listener.keys.Set("proxy_protocol", value);
    out_.Note(listener.line,
              told.trusted.empty()
                  ? "proxy_protocol believes every client: put the balancers' networks in trusted"
                  : "clients that are not in trusted are reset, with a header or without one");
  }

  void Server(const Directive& directive, const std::vector<Directive>& around) {
    ConvertedListener listener;
    listener.line = directive.line;
    listener.name = Cat("server", ++servers_);
    rates_.clear();
    is_left_out_ = false;
    has_decided_ = false;
    variable_.clear();
    told_ = {};
    const auto is_access = [](const Directive& each) {
      return each.words[0] == "allow" || each.words[0] == "deny";
    };
    const auto is_real_ip = [](const Directive& each) {
      return each.words[0] == "set_real_ip_from";
    };
    const bool has_list = std::ranges::any_of(directive.block, is_access);
    const bool has_real_ip = std::ranges::any_of(directive.block, is_real_ip);
    for (const Directive& each : around) {
      if (is_access(each)) {
        if (!has_list) Access(each, directive.line, listener);
      } else if (is_real_ip(each) && has_real_ip) {
        continue;  // those of the server take their place
      } else if (IsToldByNginx(each.words[0])) {
        Tell(each);
      }
    }
    for (const Directive& each : directive.block) ServerLine(each, listener);
    if (!has_decided_ && !listener.allow.empty()) {
      LeaveOut(directive.line, "has an allow without deny all, which allows all");
    }
    if (told_.is_tls) LeaveOut(directive.line, "speaks TLS to its servers, which is not here yet");
    if (!variable_.empty()) Choose(directive.line, listener);
    if (told_.accepts && told_.trusted.empty()) TrustAllowed(directive.line, listener);
    if (is_left_out_) return;
    if (!told_.keeps_half) {
      listener.keys.Set("half_close", "close");
    } else {
      const std::string own = listener.timeouts.Get("idle");
      listener.timeouts.Set("half_close", own.empty() ? out_.timeouts.Get("idle") : own);
    }
    SetRate(listener);
    if (told_.accepts) SetProxyProtocol(told_, listener);
    told_.sender.listener = out_.listeners.size();
    senders_.push_back(told_.sender);
    out_.listeners.push_back(std::move(listener));
  }

  void LeaveOut(int line, std::string_view why) {
    out_.Note(line, Cat("left out: a server that ", why));
    is_left_out_ = true;
  }

  void ServerLine(const Directive& each, ConvertedListener& listener) {
    const std::string& word = each.words[0];
    const std::string value = ValueOf(each);
    if (word == "listen") {
      Listen(each, listener);
    } else if (word == "proxy_pass") {
      Pass(each, listener);
    } else if (TakeTime(each, listener.timeouts)) {
      return;
    } else if (word == "allow" || word == "deny") {
      Access(each, each.line, listener);
    } else if (word == "proxy_download_rate" || word == "proxy_upload_rate") {
      TakeRate(each);
    } else if (IsToldByNginx(word)) {
      Tell(each);
    } else if (word == "tcp_nodelay") {
      if (value == "off") NoCounterpart(each);
    } else if (word == "proxy_next_upstream") {
      if (value != "on") NoCounterpart(each);  // so it is here
    } else {
      NoCounterpart(each);
    }
  }

  void TakeRate(const Directive& each) {
    const std::string text = RateOf(ValueOf(each));
    const auto bytes = ParseByteRate(text);
    if (!bytes.ok()) return NoCounterpart(each);  // such as a variable
    if (*bytes != 0) rates_.push_back({each.line, each.words[0], text, *bytes});
  }

  // There each direction has its own, here both have the same.
  void SetRate(ConvertedListener& listener) {
    if (rates_.empty()) return;
    const Rate& least = *std::ranges::min_element(rates_, {}, &Rate::bytes);
    listener.keys.Set("bandwidth", Cat("{ per_connection: ", least.text, " }"));
    const std::string what = Cat(
        "bandwidth.per_connection is one for both directions: ", least.text, " of ", least.word);
    if (rates_.size() == 1) out_.Note(least.line, Cat(what, ", also for the other one"));
    for (const Rate& each : rates_) {
      if (each.bytes != least.bytes) out_.Note(each.line, Cat(what, ", not ", each.text));
    }
  }

  void Listen(const Directive& each, ConvertedListener& listener) {
    const std::string address = ListenAddress(ValueOf(each));
    const bool is_unix = address.starts_with("unix:");
    if (address.empty() || (!is_unix && address.find('-', address.rfind(':')) != address.npos)) {
      out_.Note(each.line, Cat("no counterpart: ", JoinedWords(each.words)));
      return;
    }
    if (std::ranges::find(each.words, "udp") != each.words.end()) {
      out_.Note(each.line, Cat("left out: a port of UDP: ", JoinedWords(each.words)));
      return;
    }
    for (size_t i = 2; i < each.words.size(); ++i) {
      const std::string& word = each.words[i];
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
    if (listener.routes.empty()) return;  // nothing is waited for
    listener.keys.Set("preread", Cat("{ timeout: ", told_.read_timeout, ", on_timeout: reject }"));
  }

  // There the first line that fits decides, here the most specific network. Both are the same for
  // a list of one kind that ends in "all" of the other one. Of another list no part is taken: it
  // would let in clients that are not to be.
  void Access(const Directive& each, int line, ConvertedListener& listener) {
    const std::string value = ValueOf(each);
    const bool allows = each.words[0] == "allow";
    std::vector<std::string>& own = allows ? listener.allow : listener.deny;
    const std::vector<std::string>& other = allows ? listener.deny : listener.allow;
    const bool is_last = value == "all";
    const bool maps = is_last ? own.empty() && (allows || !other.empty()) : other.empty();
    if (!maps || has_decided_ || value.starts_with("unix")) {
      return LeaveOut(line, Cat("has a list whose order decides: ", JoinedWords(each.words)));
    }
    has_decided_ = is_last;
    if (!is_last) own.push_back(value);
  }

  Converted& out_;
  int servers_ = 0;
  bool is_left_out_ = false;
  bool has_decided_ = false;
  bool has_noted_failures_ = false;
  NginxTold told_;
  std::vector<Rate> rates_;
  std::string variable_;  // of proxy_pass
  NginxMaps maps_;
  std::vector<NginxSender> senders_;
};

}  // namespace

Converted ConvertNginx(std::string_view text, std::string_view file) {
  Converted out(file);
  if (out.IsTooLarge(text)) return out;
  Nginx(out).Read(NginxDirectives(text, out));
  out.Finish();
  return out;
}

}  // namespace sluice::conf
