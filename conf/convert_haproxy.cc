// From HAProxy's words (2.x), in mode tcp.

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/converted.h"
#include "conf/haproxy_sender.h"
#include "conf/haproxy_words.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

using Words = std::vector<std::string>;

// Times are in milliseconds there unless they have a unit.
std::string TimeOf(const std::string& text) {
  return ParseDecimal(text).has_value() ? text + "ms" : text;
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
  bool has_check = false;
  bool asks_http = false;
  HaproxySender sender = {};
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
      if (const std::string connect = section_.times.Get("connect"); !connect.empty()) {
        out_.timeouts.Set("connect", connect);
      }
    }
    const bool listens = section_.kind == "frontend" || section_.kind == "listen";
    const bool serves = section_.kind == "backend" || section_.kind == "listen";
    if ((listens || serves) && section_.is_http) {
      out_.Note(section_.line, Cat("left out: ", section_.kind, " ", Printable(section_.name),
                                   " is in mode http"));
    } else {
      if (serves) AddUpstream();
      if (listens) AddListener();
    }
    section_ = Section();
  }

 private:
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
      section_.listener.upstream = defaults_.listener.upstream;
      section_.default_server = defaults_.default_server;
      section_.asks_http = defaults_.asks_http;
      section_.upstream.health = defaults_.upstream.health;
    }
  }

  void NoCounterpart(const Words& words) {
    out_.Note(line_, Cat("no counterpart: ", JoinedWords(words)));
  }

  void NoteAll(const Words& notes) {
    for (const std::string& note : notes) out_.Note(line_, note);
  }

  void Read(const Words& words) {
    if (section_.kind.empty() || IsOtherHaproxySection(section_.kind)) return;  // told already
    const std::string& word = words[0];
    const std::string value = words.size() > 1 ? words[1] : "";
    if (section_.kind == "global") {
      if (word == "maxconn") return out_.limits.Set("max_connections", value);
      return NoCounterpart(words);
    }
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
      TcpRequest(words);
    } else if (word == "source") {
      NoteAll(section_.sender.TakeSource({words.begin() + 1, words.end()}));
      section_.sender.EndLine();
    } else if (word == "option") {
      Option(words);
    } else if (word == "description" || word == "id" || word == "enabled") {
      return;
    } else {
      NoCounterpart(words);
    }
  }

  // "tcp-request connection expect-proxy layer4 if { src 10.0.0.0/8 }". Those who are not in the
  // list are plain clients; here those in it may be, too.
  void TcpRequest(const Words& words) {
    const bool expects = words.size() > 3 && words[2] == "expect-proxy" && words[3] == "layer4";
    if (!expects) return NoCounterpart(words);
    if (words.size() == 4) {
      section_.listener.SetProxyProtocol("required", {});
      out_.Note(line_,
                "expect-proxy believes every client: put the balancers' networks in trusted");
      return;
    }
    const bool has_list = words.size() > 8 && words[4] == "if" && words[5] == "{" &&
                          words[6] == "src" && words.back() == "}" && words[7][0] != '-';
    if (!has_list) return NoCounterpart(words);
    section_.listener.SetProxyProtocol("optional", {words.begin() + 7, words.end() - 1});
    out_.Note(line_, "with accept: optional those in trusted may also come without a header");
  }

  void Option(const Words& words) {
    const std::string value = words.size() > 1 ? words[1] : "";
    if (value == "httpchk") {
      section_.asks_http = true;
      section_.upstream.health.Set("check", "http");
      const std::string path = words.size() > 3 ? words[3] : words.size() == 3 ? words[2] : "/";
      ConvertedKeys http;
      if (words.size() > 3) http.Set("method", words[2]);
      http.Set("path", YamlQuoted(path));
      section_.upstream.health.Set("http", http.ToYaml());
      if (words.size() > 4) NoCounterpart({words.begin() + 4, words.end()});
    } else if (value == "tcp-check" || value == "redispatch" || value == "dontlognull") {
      return;  // so it is here
    } else if (value == "tcplog") {
      out_.Note(line_, "see access_log: one record for each session");
    } else if (value == "clitcpka" || value == "srvtcpka" || value == "tcpka") {
      out_.Note(line_, Cat("see socket.keepalive: ", JoinedWords(words)));
    } else {
      NoCounterpart(words);
    }
  }

  void Timeout(const Words& words) {
    const std::string time = TimeOf(words[2]);
    if (words[1] == "queue") {
      section_.upstream.keys.Set("queue_timeout", time);
    } else if (words[1] == "check") {
      section_.upstream.health.Set("timeout", time);
    } else if (words[1] == "client" || words[1] == "server" || words[1] == "connect") {
      section_.times.Set(words[1], time);
    } else if (words[1] == "client-fin" || words[1] == "server-fin") {
      section_.listener.timeouts.Set("half_close", time);
    } else {
      NoCounterpart(words);
    }
  }

  // One time for both sides.
  void SetIdle(const ConvertedKeys& times, ConvertedKeys& out) {
    const std::string client = times.Get("client");
    const std::string server = times.Get("server");
    if (client.empty() && server.empty()) return;
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
      } else {
        binds.push_back(address);
      }
    }
    if (is_proxied) {
      out_.Note(line_,
                "accept-proxy believes every client: put the balancers' networks in trusted");
    }
    for (size_t i = 2; i < words.size(); ++i) {
      const bool has_value = words[i] == "maxconn" || words[i] == "name" || words[i] == "backlog";
      if (words[i] == "maxconn" && i + 1 < words.size()) {
        section_.listener.keys.Set("max_connections", words[i + 1]);
      } else if (words[i] == "backlog" && i + 1 < words.size()) {
        section_.listener.keys.Set("socket", Cat("{ backlog: ", words[i + 1], " }"));
      } else if (words[i] != "name" && words[i] != "accept-proxy") {
        NoCounterpart({words.begin() + static_cast<long>(i), words.end()});
        return;  // what belongs to which word is not known
      }
      if (has_value) ++i;
    }
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
    ConvertedKeys endpoint;
    endpoint.Set("address", YamlQuoted(address));
    endpoint.Set("name", ConvertedName(words[1]));
    Words options = section_.default_server;
    options.insert(options.end(), words.begin() + 3, words.end());
    for (size_t i = 0; i < options.size();) i += ServerOption(options, i, endpoint);
    NoteAll(section_.sender.EndServer());
    section_.upstream.endpoints.push_back(endpoint);
  }

  // Returns how many words it took.
  size_t ServerOption(const Words& options, size_t i, ConvertedKeys& endpoint) {
    const std::string& word = options[i];
    const std::string value = i + 1 < options.size() ? options[i + 1] : "";
    static const std::map<std::string, std::string> kHealthTimes = {
        {"inter", "interval"}, {"fastinter", "fast_interval"}, {"downinter", "down_interval"}};
    if (const auto time = kHealthTimes.find(word); time != kHealthTimes.end()) {
      section_.upstream.health.Set(time->second, TimeOf(value));
      return 2;
    }
    if (word == "rise" || word == "fall" || word == "port") {
      section_.upstream.health.Set(word, value);
      return 2;
    }
    if (word == "weight" || word == "maxconn") {
      endpoint.Set(word == "weight" ? "weight" : "max_connections", value);
      return 2;
    }
    if (word == "check") {
      section_.has_check = true;
    } else if (word == "backup") {
      endpoint.Set("priority", "1");
    } else if (word == "send-proxy" || word == "send-proxy-v2" || word == "send-proxy-v2-ssl" ||
               word == "send-proxy-v2-ssl-cn") {
      NoteAll(section_.sender.TakeWord(word));
    } else if (word == "check-send-proxy") {  // so it is here
      return 1;
    } else if (word == "proxy-v2-options") {
      NoteAll(section_.sender.TakeOptions(value));
      return 2;
    } else if (word == "source") {
      const bool has_client = i + 3 < options.size() && options[i + 2] == "usesrc";
      const size_t count = std::min<size_t>(has_client ? 4 : 2, options.size() - i);
      const auto begin = options.begin() + static_cast<long>(i);
      NoteAll(section_.sender.TakeSource({begin + 1, begin + static_cast<long>(count)}));
      return count;
    } else if (word == "slowstart") {
      section_.upstream.keys.Set("slow_start", TimeOf(value));
      return 2;
    } else if (word == "on-marked-down" && value == "shutdown-sessions") {
      section_.upstream.health.Set("on_down", "reset");
      return 2;
    } else {
      const bool takes_value = !value.empty() && HaproxyTakesValue(word);
      NoCounterpart(takes_value ? Words{word, value} : Words{word});
      return takes_value ? 2 : 1;
    }
    return 1;
  }

  void AddUpstream() {
    ConvertedUpstream& upstream = section_.upstream;
    upstream.name = ConvertedName(section_.name);
    upstream.line = section_.line;
    section_.sender.SetOn(upstream.keys);
    if (!section_.has_check) {
      upstream.health = {};
    } else if (!section_.asks_http) {
      upstream.health.Set("check", "connect");
    }
    if (const std::string connect = section_.times.Get("connect"); !connect.empty()) {
      upstream.timeouts.Set("connect", connect);
    }
    if (const std::string server = section_.times.Get("server");
        !server.empty() && section_.kind == "backend") {
      upstream.timeouts.Set("idle", server);
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
