// What is suggested for a value that another program would take: the first guess that is allowed.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/reader/unknown_key.h"
#include "conf/reader/vocabulary.h"
#include "conf/schema/keys.h"
#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

using Cases = std::vector<std::pair<std::string, std::string>>;

// What the message about `value` suggests, "" if nothing; `before` and `after` make it a whole
// text.
std::string Suggested(const std::string& before, const std::string& value,
                      const std::string& after) {
  const LoadResult result = Load(before + "'" + value + "'" + after);
  if (result.errors.empty()) return "allowed";
  const std::string& message = result.errors[0].message;
  constexpr std::string_view kMark = "did you mean \"";
  const size_t at = message.find(kMark);
  if (at == std::string::npos) return "";
  const size_t begin = at + kMark.size();
  return message.substr(begin, message.find("\"?", begin) - begin);
}

// The suggestion is what is expected, and it is allowed.
void CheckKey(const std::string& section, const Cases& cases) {
  for (const auto& [written, meant] : cases) {
    const std::string close(static_cast<size_t>(std::ranges::count(section, '{')), '}');
    EXPECT_EQ(Suggested(section, written, close + kMinimal), meant) << section << written;
    if (!meant.empty()) {
      EXPECT_EQ(Suggested(section, meant, close + kMinimal), "allowed") << section << meant;
    }
  }
}

TEST(Suggestions, OfDurations) {
  CheckKey("defaults: { timeouts: { idle: ", {{"5", "5s"},
                                              {"5 s", "5s"},
                                              {"5S", "5s"},
                                              {"5sec", "5s"},
                                              {"5secs", "5s"},
                                              {"5 seconds", "5s"},
                                              {"5min", "5m"},
                                              {"5 minutes", "5m"},
                                              {"5M", "5m"},
                                              {"5hrs", "5h"},
                                              {"5 days", "5d"},
                                              {"1w", "7d"},
                                              {"1.5s", "1500ms"},
                                              {"1.5m", "90s"},
                                              {"0.5h", "30m"},
                                              {"1500msec", "1500ms"},
                                              {"1.5ms", "1500us"},
                                              {"1m 30s", "1m30s"},
                                              {"1min30sec", "1m30s"},
                                              {"1m30", "1m30s"},
                                              {"off", "0s"},
                                              {"none", "0s"},
                                              {"infinite", "0s"},
                                              {"unlimited", "0s"},
                                              {"never", "0s"},
                                              {"-1", "0s"},
                                              {"0", "0s"},
                                              {"5s;", "5s"},
                                              {"1,500ms", "1500ms"},
                                              {"\xE2\x80\x9C"
                                               "5s\xE2\x80\x9D",
                                               "5s"},
                                              {"05s", "5s"},
                                              {"soon", ""},
                                              {"s", ""},
                                              {"1.2.3s", ""}});
  CheckKey("runtime: { busy_poll: ",
           {{"10ns", ""}, {"20", "20ms"}, {"1 us", "1us"}, {"1\xC2\xB5s", "1us"}});
}

TEST(Suggestions, OfSizes) {
  CheckKey("limits: { buffer_memory: ", {{"64M", "64MiB"},
                                         {"64m", "64MiB"},
                                         {"1G", "1GiB"},
                                         {"64 MiB", "64MiB"},
                                         {"64mb", "64MB"},
                                         {"64Mi", "64MiB"},
                                         {"1.5GiB", "1536MiB"},
                                         {"268435456", "256MiB"},
                                         {"1T", "1024GiB"},
                                         {"64 megabytes", "64MB"},
                                         {"65536k", "64MiB"},
                                         {"lots", ""},
                                         {"unlimited", ""}});
  CheckKey("defaults: { socket: { receive_buffer: ",
           {{"64K", "64KiB"}, {"default", ""}, {"off", "0B"}});
}

TEST(Suggestions, OfNumbersAndRates) {
  CheckKey("limits: { max_connections: ", {{"10k", "10000"},
                                           {"10K", "10000"},
                                           {"1M", "1000000"},
                                           {"1.5k", "1500"},
                                           {"10,000", "10000"},
                                           {"10_000", "10000"},
                                           {"1e4", "10000"},
                                           {"0x10", "16"},
                                           {"010", "10"},
                                           {"+5", "5"},
                                           {"unlimited", "auto"},
                                           {"0", "auto"},
                                           {"-1", "auto"},
                                           {"AUTO", "auto"},
                                           {"10000.5", ""},
                                           {"many", ""}});
  CheckKey("defaults: { per_source: { max_connections: ", {{"none", "0"}, {"infinite", "0"}});
  CheckKey("limits: { new_connections: ", {{"100", "100/s"},
                                           {"100/sec", "100/s"},
                                           {"100 / s", "100/s"},
                                           {"100rps", "100/s"},
                                           {"100 per second", "100/s"},
                                           {"6000/min", "100/s"},
                                           {"1k", "1000/s"},
                                           {"1k/s", "1000/s"},
                                           {"off", "0/s"},
                                           {"unlimited", "0/s"},
                                           {"fast", ""}});
  CheckKey("defaults: { bandwidth: { total: ", {{"10Mbps", "1250kB/s"},
                                                {"10Mbit", "1250kB/s"},
                                                {"10Mbit/s", "1250kB/s"},
                                                {"1Gbps", "125MB/s"},
                                                {"10MBps", "10MB/s"},
                                                {"10MB", "10MB/s"},
                                                {"10M", "10MiB/s"},
                                                {"1MiB", "1MiB/s"},
                                                {"unlimited", "0B/s"},
                                                {"8 kbit/s", ""},
                                                {"80kbit/s", "10kB/s"}});
  CheckKey("defaults: { timeouts: { max_lifetime_jitter: ",
           {{"10", "10%"}, {"0.1", "10%"}, {"10 %", "10%"}, {"10percent", "10%"}, {"off", "0%"}});
}

TEST(Suggestions, OfWords) {
  CheckKey("runtime: { pin_workers: ", {{"yes", "true"},
                                        {"no", "false"},
                                        {"on", "true"},
                                        {"off", "false"},
                                        {"1", "true"},
                                        {"0", "false"},
                                        {"True", "true"},
                                        {"enabled", "true"},
                                        {"maybe", ""}});
  CheckKey("log: { level: ", {{"warning", "warn"},
                              {"INFO", "info"},
                              {"err", "error"},
                              {"none", "off"},
                              {"verbose", "debug"},
                              {"critical", "error"}});
  CheckKey("log: { format: ", {{"JSON", "json"}, {"plain", "text"}});
  CheckKey("runtime: { backend: ",
           {{"io-uring", "io_uring"}, {"uring", "io_uring"}, {"kqueue", "auto"}});
  CheckKey("limits: { on_limit: ", {{"queue", "wait"}, {"reset", "close"}, {"drop", "close"}});
  CheckKey("defaults: { socket: { unix_mode: ",
           {{"rw-rw----", "0660"}, {"0o660", "0660"}, {"all", ""}});
}

TEST(Suggestions, OfAddresses) {
  const auto check = [](const std::string& before, const std::string& after, const Cases& cases) {
    for (const auto& [written, meant] : cases) {
      EXPECT_EQ(Suggested(before, written, after), meant) << written;
      if (meant.empty() || meant.starts_with('$')) continue;
      EXPECT_EQ(Suggested(before, meant, after), "allowed") << meant;
    }
  };
  const std::string rest =
      ", upstream: app }\nupstreams:\n  - { name: app, endpoints: 127.0.0.1:3000 }\n";
  check("listeners:\n  - { name: web, bind: ", rest,
        {{"*:8080", "0.0.0.0:8080"},
         {":8080", "0.0.0.0:8080"},
         {"8080", "0.0.0.0:8080"},
         {"[*]:80", "0.0.0.0:80"},
         {"localhost:80", "127.0.0.1:80"},
         {"/run/app.sock", "unix:/run/app.sock"},
         {"@app", "unix:@app"},
         {"unix@/run/a", "unix:/run/a"},
         {"unix//run/a", "unix:/run/a"},
         {"UNIX:/run/a", "unix:/run/a"},
         {"abns@app", "unix:@app"},
         {"tcp://127.0.0.1:80", "127.0.0.1:80"},
         {"tcp4:127.0.0.1:80", "127.0.0.1:80"},
         {"http://127.0.0.1/path", "127.0.0.1:80"},
         {"https://127.0.0.1", "127.0.0.1:443"},
         {"http://127.0.0.1:81/", "127.0.0.1:81"},
         {"::1:80", "[::1]:80"},
         {":::80", "[::]:80"},
         {"127.0.0.1 80", "127.0.0.1:80"},
         {"127.0.0.1:80 ssl", "127.0.0.1:80"},
         {"127.0.0.1:80/tcp", "127.0.0.1:80"},
         {"127.0.0.1:http", "127.0.0.1:80"},
         {"127.0.0.1:080", "127.0.0.1:80"},
         {"127.0.0.1:80,", "127.0.0.1:80"},
         {"\xEF\xBC\x91.2.3.4\xEF\xBC\x9A"
          "80",
          "1.2.3.4:80"},
         {"127.0.0.1:80\xC2\xA0", "127.0.0.1:80"},
         {"$APP:80", "${APP}:80"},
         {"$(APP)", "${APP}"},
         {"{{ APP }}:80", "${APP}:80"},
         {"%APP%:80", "${APP}:80"},
         {"example.org:80", ""},
         {"127.0.0.1", ""},
         {"[::1]", ""},
         {"127.0.0.1:8000-8010", ""},
         {"300.0.0.1:80", ""},
         {"", ""}});
  check(
      "listeners:\n  - { name: web, bind: 127.0.0.1:80, upstream: app }\n"
      "upstreams:\n  - { name: app, endpoints: ",
      " }\n",
      {{":3000", "127.0.0.1:3000"},
       {"3000", "127.0.0.1:3000"},
       {"postgres://app@127.0.0.1", "127.0.0.1:5432"},
       {"127.0.0.1:0", ""}});
}

// A suggestion is not applied: what comes later is judged without it.
TEST(Suggestions, LeaveTheFieldAlone) {
  const LoadResult result = Load(R"(
limits: { max_connections: 10k }
listeners:
  - { name: "web;", bind: [":80", "*:80"], upstream: app }
  - { name: web, bind: "0.0.0.0:80", upstream: app }
upstreams:
  - { name: app, endpoints: ["127.0.0.1:3000"] }
)");
  EXPECT_EQ(result.errors.size(), 4u) << ErrorsOf(result);
  EXPECT_EQ(result.config.limits.max_connections, 0u);
}

// Each of our names that the vocabulary gives is a key, and none of its words is one where ours is.
TEST(Vocabulary, NamesKeysThatThereAre) {
  const std::vector<std::string> known = KnownKeys();
  for (const Foreign& foreign : Vocabulary()) {
    EXPECT_TRUE(foreign.words.starts_with(' ') && foreign.words.ends_with(' ')) << foreign.words;
    EXPECT_NE(foreign.key.empty(), foreign.answer.empty()) << foreign.words;
    for (std::string_view rest = foreign.key; !rest.empty();) {
      const std::string key(rest.substr(0, rest.find('|')));
      rest.remove_prefix(std::min(key.size() + 1, rest.size()));
      EXPECT_TRUE(std::ranges::any_of(known, [&](const std::string& path) {
        return path == key || path.ends_with("." + key);
      })) << key;
    }
  }
}

TEST(Vocabulary, TheWordsOfOthers) {
  const auto message = [](const std::string& key, const std::string& rest = kMinimal) {
    const LoadResult result = Load(key + rest);
    return result.errors.empty() ? "" : result.errors[0].message;
  };
  for (const auto& [key, part] :
       Cases{{"maxconn: 5", "\"limits.max_connections\""},
             {"threads: 4", "\"runtime.workers\""},
             {"nbthread: 4", "\"runtime.workers\""},
             {"worker_processes: 4", "\"runtime.workers\""},
             {"runtime: { threads: 4 }", "\"workers\""},
             {"limits: { maxConnections: 5 }", "did you mean \"max_connections\"?"},
             {"limits: { max-connections: 5 }", "did you mean \"max_connections\"?"},
             {"frontend: []", "\"listeners\""},
             {"entryPoints: {}", "\"listeners\""},
             {"clusters: []", "\"upstreams\""},
             {"idle: 5s", "\"defaults.timeouts.idle\""},
             {"defaults: { idle: 5s }", "\"timeouts.idle\""},
             {"timeouts: {}", "\"defaults.timeouts\""},
             {"proxy_connect_timeout: 5s", "\"defaults.timeouts.connect\""},
             {"defaults: { timeouts: { client_timeout: 5s } }", "\"idle\""},
             {"tls: {}", "TLS is not supported yet"},
             {"ssl_certificate: x", "TLS is not supported yet"},
             {"health_check: {}", "\"upstreams[].health\""},
             {"stats_socket: /run/x", "\"admin.bind\""},
             {"include: []", "at the top of the file"},
             {"deny: []", "\"access.deny\""},
             {"inlcude: [a.yaml]", "did you mean \"include\"?"},
             {"defaults: { upstream: { health: { path: /x } } }", "belongs to \"http.path\""},
             {"defaults: { upstream: { health: { host: x } } }", "belongs to \"http.host\""},
             {"defaults: { upstream: { health: { status: 200 } } }", "belongs to \"http.status\""},
             {"defaults: { upstream: { health: { type: http } } }", "called \"check\" here"},
             {"type: tcp", "nothing has to say so"},
             {"drain_window: 5s", "\"shutdown.drain_window\""},
             {"watch: true", "\"reload.watch\""},
             {"resolvers: []", "\"dns.servers\""},
             {"service_discovery: {}", "\"upstreams[].discover\""},
             {"http: {}", "does not look into HTTP"},
             {"daemon: true", "foreground"},
             {"global: {}", "no such section"}}) {
    EXPECT_NE(message(key).find(part), std::string::npos) << key << ": " << message(key);
  }
  const std::string before = "listeners:\n  - { name: web, upstream: app, ";
  const std::string after = " }\nupstreams:\n  - { name: app, endpoints: 127.0.0.1:1 }\n";
  for (const auto& [key, part] :
       Cases{{"listen: 127.0.0.1:80", "\"bind\""},
             {"address: 127.0.0.1:80", "\"bind\" here"},
             {"proxy_pass: app, bind: 127.0.0.1:80", "\"upstream\""},
             {"servers: [], bind: 127.0.0.1:80", "\"upstreams[].endpoints\""},
             {"balance: x, bind: 127.0.0.1:80", "\"upstreams[].balance\""},
             {"acl: [], bind: 127.0.0.1:80", "\"access.allow\""},
             {"routes: [{ host: a.b, upstream: app }], bind: 127.0.0.1:80", "called \"sni\" here"},
             {"type: tcp, bind: 127.0.0.1:80", "nothing has to say so"},
             {"send_proxy: v2, bind: 127.0.0.1:80", "\"upstreams[].send_proxy\""},
             {"accept_proxy: 1, bind: 127.0.0.1:80", "\"proxy_protocol.accept\""},
             {"set_real_ip_from: 10.0.0.0/8, bind: 127.0.0.1:80", "\"proxy_protocol.trusted\""}}) {
    const LoadResult result = Load(before + key + after);
    EXPECT_NE(ErrorsOf(result).find(part), std::string::npos) << key << ": " << ErrorsOf(result);
  }
}

}  // namespace
}  // namespace sluice::conf::testing
