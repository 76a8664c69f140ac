// Print gives a text that loads to an equal Config.

#include "conf/print.h"

#include <gtest/gtest.h>

#include <string>

#include "conf/load.h"
#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

// Everything differs from its default; nothing may be lost on the way.
Config Unusual() {
  Config config;
  config.runtime = {Backend::kEpoll, 256, true, false, 1us};
  config.limits = {1, 1'048'577, OnLimit::kWait, 7};
  config.buffers = {16 << 20};
  config.shutdown = {1s, 2s, 3s};
  config.stats = {1h + 1min + 1s + 1ms};
  config.log = {LogLevel::kOff, LogFormat::kJson};
  config.access_log = {"/var/log/#1: \"a\".log", AccessFormat::kJson};
  config.admin = {*core::Address::Parse("unix:@a dmin"), *core::Address::Parse("0.0.0.0:9902"),
                  "to:ken#\"\\${x}", "", ""};
  config.ready_when = {{"null", 10'000}, {"1e5", 1}};
  config.defaults.timeouts.connect = 1ms;
  config.defaults.timeouts.max_lifetime = 365 * 24h;
  config.defaults.half_close = HalfClose::kClose;
  config.defaults.per_source = {1, 1, 1};
  Listener listener;
  listener.name = "a-1.b_c";
  listener.bind = {*core::Address::Parse("[::]:0"), *core::Address::Parse("unix:/a b: #\"\\'${x}é"),
                   *core::Address::Parse("unix:@null"), *core::Address::Parse("0.0.0.0:65535")};
  listener.upstream = "null";
  listener.max_connections = 10'000'000;
  listener.timeouts.idle = 0s;
  listener.timeouts.max_lifetime_jitter = 50;
  listener.new_connections = 10'000'000;
  listener.per_source = {10'000'000, 31, 127};
  listener.bandwidth = {uint64_t{1} << 40, 1025};
  listener.socket.congestion = "reno";
  listener.socket.keepalive = 32767s;
  listener.socket.keepalive_probes = 127;
  listener.socket.unix_mode = 0070;
  listener.socket.unix_owner = "null";
  listener.socket.unix_group = "0";
  listener.socket.ipv6_only = false;
  config.listeners = {listener};
  config.upstreams = {{.name = "null",
                       .balance = Balance::kMaglev,
                       .hash = {HashOn::kSource, 1, 128, 4294967295, 1000},
                       .slow_start = 24h,
                       .queue_timeout = 0s,
                       .connect_attempts = 100,
                       .connect_backoff = 10s,
                       .source_address = *core::Address::ParseHost("fe80::2"),
                       .health = {.check = Check::kExchange,
                                  .interval = 10ms,
                                  .fast_interval = 24h,
                                  .down_interval = 1min + 1ms,
                                  .timeout = 1ms,
                                  .rise = 100,
                                  .fall = 1,
                                  .address = *core::Address::ParseHost("fe80::3"),
                                  .port = 65535,
                                  .http = {"HEAD", "/%?x=#1", "a.b:1", {{100, 199}, {404, 404}}},
                                  .exchange = {{{"a\r\n\t\"\\${x}é ", false}, {}},
                                               {{}, {std::string("\0\xff", 2), true}},
                                               {{"null", false}, {"1", true}}},
                                  .on_down = OnDown::kReset},
                       .agent = {65535, *core::Address::ParseHost("fe80::3"), "lb1\n", 10ms},
                       .passive_health = {1000, 10ms, 24h, 100},
                       .panic = 100,
                       .panic_ignores_checks = true,
                       .endpoints = {{*core::Address::Parse("[fe80::1]:1"), 256, 7, 255},
                                     {*core::Address::Parse("unix:/$${y}"), 1}}},
                      {.name = "1e5",
                       .balance = Balance::kLeastConnections,
                       .endpoints = {{*core::Address::Parse("unix:/trailing:"), 2}}},
                      {.name = "Null", .endpoints = {{*core::Address::Parse("127.0.0.1:1"), 1}}},
                      {.name = "NULL", .endpoints = {{*core::Address::Parse("127.0.0.1:2"), 1}}}};
  return config;
}

TEST(Print, RoundTripsTheUnusual) {
  const std::string text = Print(Unusual());
  const LoadResult result = Load(text);
  ASSERT_TRUE(result.ok()) << ErrorsOf(result) << text;
  EXPECT_EQ(Print(result.config), text);
  EXPECT_EQ(result.config, Unusual());
}

TEST(Print, RoundTripsTheExample) {
  const LoadResult example = LoadFile("conf/example.yaml", NoEnv());
  ASSERT_TRUE(example.ok()) << ErrorsOf(example);
  const LoadResult again = Load(Print(example.config));
  ASSERT_TRUE(again.ok()) << ErrorsOf(again);
  EXPECT_EQ(again.config, example.config);
}

TEST(Print, ShowsNoSecretUnlessItIsAskedTo) {
  const std::string token = "a-token-that-is-secret";
  Config config = Load(kMinimal).config;
  EXPECT_NE(Print(config, Secrets::kHide).find("\n  token: \"\"\n"), std::string::npos);
  config.admin.token = token;
  const std::string hidden = Print(config, Secrets::kHide);
  EXPECT_NE(hidden.find("\n  token: \"***\"\n"), std::string::npos) << hidden;
  EXPECT_EQ(hidden.find(token), std::string::npos);
  EXPECT_NE(Print(config, Secrets::kShow).find("\n  token: " + token + "\n"), std::string::npos);
}

TEST(Print, LooksLikeThis) {
  const std::string text = Print(Load(kMinimal).config);
  EXPECT_TRUE(text.starts_with("version: 1\nruntime:\n  backend: auto\n  workers: auto\n")) << text;
  EXPECT_NE(text.find("\nlisteners:\n  - name: web\n    bind:\n      - 127.0.0.1:8080\n"),
            text.npos)
      << text;
  EXPECT_NE(text.find("\n    timeouts:\n      connect: 5s\n"), text.npos) << text;
  EXPECT_NE(text.find("\n      - address: 127.0.0.1:3000\n        name: \"\"\n        weight: 1\n"),
            text.npos)
      << text;
}

TEST(Print, GivesNoWarnings) {
  const LoadResult again = Load(Print(Load(kMinimal).config));
  EXPECT_TRUE(again.ok()) << ErrorsOf(again);
  EXPECT_EQ(WarningsOf(again), "");
}

TEST(Print, AConfigWithoutAnything) {
  const std::string text = Print(Config{});
  EXPECT_TRUE(text.ends_with("listeners: []\nupstreams: []\n")) << text;
}

}  // namespace
}  // namespace sluice::conf::testing
