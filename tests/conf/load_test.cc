// What a good file becomes; how files are read. Errors in the text itself are in bad_test.cc.

#include "conf/load.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

TEST(Load, MinimalHasTheDefaults) {
  const LoadResult result = Load(kMinimal);
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  Config expected;
  Listener listener;
  listener.name = "web";
  listener.bind = {*core::Address::Parse("127.0.0.1:8080")};
  listener.upstream = "app";
  expected.listeners = {listener};
  expected.upstreams = {{.name = "app",
                         .balance = Balance::kRoundRobin,
                         .endpoints = {{*core::Address::Parse("127.0.0.1:3000"), 1}}}};
  EXPECT_EQ(result.config, expected);
}

TEST(Load, EveryPolicyArrives) {
  const std::vector<std::pair<std::string, Balance>> policies = {
      {"round_robin", Balance::kRoundRobin}, {"least_connections", Balance::kLeastConnections},
      {"random_two", Balance::kRandomTwo},   {"source_hash", Balance::kSourceHash},
      {"maglev", Balance::kMaglev},          {"first", Balance::kFirst},
      {"fastest", Balance::kFastest}};
  for (const auto& [word, balance] : policies) {
    const LoadResult result = Load(R"(
listeners:
  - { name: web, bind: "127.0.0.1:8080", upstream: app }
upstreams:
  - name: app
    balance: )" + word + R"(
    hash: { on: source, ipv4_prefix: 24, ipv6_prefix: 56, seed: 4294967295, max_load: 125% }
    slow_start: 100ms
    endpoints: [{ address: "127.0.0.1:3000", priority: 255 }]
)");
    ASSERT_TRUE(result.ok()) << ErrorsOf(result);
    EXPECT_EQ(result.config.upstreams.at(0).balance, balance) << word;
    EXPECT_EQ(result.config.upstreams.at(0).hash, (Hash{HashOn::kSource, 24, 56, 4294967295, 125}));
  }
}

TEST(Load, EveryValueArrives) {
  const LoadResult result = Load(std::string(R"(
version: 1
runtime: { backend: io_uring, workers: 7, pin_workers: true, work_stealing: false,
  busy_poll: 50us, watch_tasks: true }
limits: { max_connections: 123, buffer_memory: 3GiB, on_limit: wait }
buffers: { per_direction: 8KiB }
shutdown: { lame_duck: 3s, drain_window: 40s, drain_timeout: 1m }
stats: { interval: 0s }
log: { level: trace, format: json }
defaults:
  timeouts:
    { connect: 1ms, idle: 2s, half_close: 3m, write_stall: 4h, max_lifetime: 5d, linger: 6s }
)") + kMinimal);
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  const Config& config = result.config;
  EXPECT_EQ(config.runtime, (Runtime{Backend::kIoUring, 7, true, false, 50us, true}));
  EXPECT_EQ(config.limits, (Limits{123, uint64_t{3} << 30, OnLimit::kWait}));
  EXPECT_EQ(config.buffers.per_direction_bytes, 8192u);
  EXPECT_EQ(config.shutdown, (Shutdown{3s, 40s, 1min}));
  EXPECT_EQ(config.stats.interval, 0s);
  EXPECT_EQ(config.log, (Log{LogLevel::kTrace, LogFormat::kJson}));
  Timeouts timeouts{1ms, 2s, 3min, 4h, 5 * 24h};
  timeouts.linger = 6s;
  EXPECT_EQ(config.defaults.timeouts, timeouts);
  EXPECT_EQ(config.listeners.at(0).timeouts, timeouts);
}

TEST(Load, EveryListenerAndUpstreamValueArrives) {
  const LoadResult result = Load(R"(
limits: { new_connections: 5/s }
access_log: { path: logs/access.log, format: json }
listeners:
  - name: a
    bind: "127.0.0.1:1"
    upstream: app
    on_limit: wait
    timeouts: { max_lifetime_jitter: 0% }
    half_close: close
    new_connections: 100/s
    per_source: { max_connections: 5, ipv4_prefix: 24, ipv6_prefix: 56 }
    bandwidth: { per_connection: 1MiB/s, total: 10MB/s }
    socket:
      { backlog: 7, ipv6_only: false, unix_mode: "0660", unix_owner: www-data,
        unix_group: 4294967294, defer_accept: 2s, fast_open: 8,
        receive_buffer: 64KiB, send_buffer: 32KiB, notsent_lowat: 16KiB, congestion: reno,
        keepalive: 1m, keepalive_interval: 2s, keepalive_probes: 3, user_timeout: 1500ms }
upstreams:
  - name: app
    queue_timeout: 0s
    connect_attempts: 9
    connect_backoff: 1s
    source_address: 127.0.0.9
    socket: { keepalive: 5s, congestion: cubic }
    endpoints: [{ address: "127.0.0.1:3000", name: db-1.a_B, max_connections: 11 }]
)");
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(result.config.upstreams.at(0).endpoints.at(0).Identity(), "db-1.a_B");
  EXPECT_EQ(result.config.limits.new_connections, 5u);
  EXPECT_EQ(result.config.access_log, (AccessLog{"logs/access.log", AccessFormat::kJson}));
  const Listener& listener = result.config.listeners.at(0);
  EXPECT_EQ(listener.on_limit, OnLimit::kWait);
  EXPECT_EQ(listener.timeouts.max_lifetime_jitter, 0u);
  EXPECT_EQ(listener.half_close, HalfClose::kClose);
  EXPECT_EQ(listener.new_connections, 100u);
  EXPECT_EQ(listener.per_source, (PerSource{5, 24, 56}));
  EXPECT_EQ(listener.bandwidth, (Bandwidth{uint64_t{1} << 20, 10'000'000}));
  const ListenSocket socket{{65536, 32768, 16384, "reno", 1min, 2s, 3, 1500ms},
                            7,
                            false,
                            0660,
                            2s,
                            8,
                            "www-data",
                            "4294967294"};
  EXPECT_EQ(listener.socket, socket);
  const Upstream& upstream = result.config.upstreams.at(0);
  EXPECT_EQ(upstream.queue_timeout, 0s);
  EXPECT_EQ(upstream.connect_attempts, 9u);
  EXPECT_EQ(upstream.connect_backoff, 1s);
  EXPECT_EQ(upstream.source_address.HostToString(), "127.0.0.9");
  EXPECT_EQ(upstream.socket.keepalive, 5s);
  EXPECT_EQ(upstream.socket.congestion, "cubic");
  EXPECT_EQ(upstream.endpoints.at(0).max_connections, 11u);
}

TEST(Load, OnLimitIsInheritedFromTheLimits) {
  const LoadResult result = Load(R"(
listeners:
  - { name: a, bind: "127.0.0.1:1", upstream: app }
  - { name: b, bind: "127.0.0.1:2", upstream: app, on_limit: close }
upstreams: [{ name: app, endpoints: ["127.0.0.1:3000"] }]
limits: { on_limit: wait }
)");
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(result.config.listeners[0].on_limit, OnLimit::kWait);
  EXPECT_EQ(result.config.listeners[1].on_limit, OnLimit::kClose);
}

TEST(Load, TimeoutsAreInheritedKeyByKeyWhereverTheDefaultsStand) {
  const LoadResult result = Load(R"(
listeners:
  - { name: a, bind: "127.0.0.1:1", upstream: app, timeouts: { idle: 1h } }
  - { name: b, bind: "127.0.0.1:2", upstream: app }
upstreams: [{ name: app, endpoints: ["127.0.0.1:3000"] }]
defaults: { timeouts: { idle: 5m, connect: 1s } }
)");
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(result.config.listeners[0].timeouts.idle, 1h);
  EXPECT_EQ(result.config.listeners[0].timeouts.connect, 1s);
  EXPECT_EQ(result.config.listeners[0].timeouts.half_close, Timeouts{}.half_close);
  EXPECT_EQ(result.config.listeners[1].timeouts.idle, 5min);
}

TEST(Load, ListsAndShorthands) {
  const LoadResult result = Load(R"(
listeners:
  - name: a
    bind: ["0.0.0.0:80", "127.0.0.1:81", "[::]:80", unix:/run/a.sock, unix:@a, "127.0.0.1:0"]
    upstream: app
  - { name: b, bind: "127.0.0.1:0", upstream: app, max_connections: 5 }
upstreams:
  - name: app
    endpoints: ["127.0.0.1:1", { address: "127.0.0.1:2", weight: 256 }, unix:/run/b.sock]
)");
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(result.config.listeners[0].bind.size(), 6u);
  EXPECT_EQ(result.config.listeners[1].max_connections, 5u);
  const auto& endpoints = result.config.upstreams[0].endpoints;
  ASSERT_EQ(endpoints.size(), 3u);
  EXPECT_EQ(endpoints[0].weight, 1u);
  EXPECT_EQ(endpoints[1].weight, 256u);
  EXPECT_EQ(endpoints[2].address.ToString(), "unix:/run/b.sock");
}

TEST(Load, ExpandsTheEnvironment) {
  const Env env = EnvOf({{"PORT", "9090"}, {"N", "12"}});
  const LoadResult result = LoadString(R"(
limits: { max_connections: "${N}", buffer_memory: "${MEMORY:-2MiB}" }
listeners:
  - name: web
    bind: 127.0.0.1:${PORT}
    upstream: app
upstreams:
  - { name: app, endpoints: ["unix:/run/$${x}"] }
)",
                                       "test.yaml", env);
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(result.config.limits.max_connections, 12u);
  EXPECT_EQ(result.config.limits.buffer_memory_bytes, uint64_t{2} << 20);
  EXPECT_EQ(result.config.listeners[0].bind[0].port(), 9090);
  EXPECT_EQ(result.config.upstreams[0].endpoints[0].address.ToString(), "unix:/run/${x}");
}

TEST(Load, AnchorsAndAliases) {
  const LoadResult result = Load(R"(
defaults: { timeouts: { idle: &long 1h, max_lifetime: *long } }
listeners:
  - { name: a, bind: "127.0.0.1:1", upstream: &app app }
  - { name: b, bind: "127.0.0.1:2", upstream: *app }
upstreams:
  - { name: *app, endpoints: &list ["127.0.0.1:3000"] }
  - { name: other, endpoints: *list }
)");
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(result.config.defaults.timeouts.max_lifetime, 1h);
  EXPECT_EQ(result.config.listeners[1].upstream, "app");
  EXPECT_EQ(result.config.upstreams[1].endpoints, result.config.upstreams[0].endpoints);
}

TEST(Load, OtherWaysToWriteTheSameText) {
  const Config expected = Load(kMinimal).config;
  const std::string text = kMinimal;
  EXPECT_EQ(Load("\xEF\xBB\xBF" + text).config, expected);  // a byte order mark
  EXPECT_EQ(Load("---" + text + "...\n").config, expected);
  EXPECT_EQ(Load(R"({"listeners": [{"name": "web", "bind": "127.0.0.1:8080", "upstream": "app"}],
                     "upstreams": [{"name": "app", "endpoints": ["127.0.0.1:3000"]}]})")
                .config,
            expected);
  std::string crlf;
  for (const char c : text) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(Load(crlf).config, expected);
}

TEST(Load, AByteOrderMarkMovesNoPosition) {
  const std::string text = std::string(kMinimal) + "log: { level: 'info\n";
  ASSERT_EQ(Load(text).errors.size(), 1u);
  EXPECT_EQ(Load("\xEF\xBB\xBF" + text).errors, Load(text).errors);
}

TEST(Load, TabsBetweenTokensAndInsideBracketsAreFine) {
  const LoadResult result = Load(std::string("log:\t{\n\tlevel: debug\n\t}\t# here\n") + kMinimal);
  EXPECT_TRUE(result.ok()) << ErrorsOf(result);
}

TEST(Load, ErrorsAreInTheOrderOfTheFile) {
  const LoadResult result = Load("zzz: 1\nupstreams: []\nlisteners: []\naaa: 1\nversion: 5\n");
  ASSERT_EQ(result.errors.size(), 5u) << ErrorsOf(result);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(result.errors[i].at.line, i + 1);
}

// The bad files have a value below each range; here is one at its end, and the next one.
TEST(Load, TheUpperEndsOfRanges) {
  const auto errors = [](const std::string& stall, const std::string& socket,
                         const std::string& rest) {
    return Load("defaults: { timeouts: { write_stall: " + stall + " }, socket: {" + socket +
                "} }\n" + rest + kMinimal)
        .errors.size();
  };
  EXPECT_EQ(errors("365d", "receive_buffer: 1GiB, backlog: 65535, unix_mode: \"0777\"",
                   "limits: { buffer_memory: 1024GiB, new_connections: 10000000/s }\n"
                   "shutdown: { drain_timeout: 1d }\n"),
            0u);
  EXPECT_EQ(errors("365d1us", "receive_buffer: 1073741825B, backlog: 65536, unix_mode: \"1777\"",
                   "limits: { buffer_memory: 1025GiB, new_connections: 10000001/s }\n"
                   "shutdown: { drain_timeout: 1d1us }\n"),
            7u);
  EXPECT_EQ(errors("0s", "unix_mode: \"660\"", ""), 0u);
  EXPECT_EQ(errors("0s", "backlog: \"\", unix_mode: \"77\"",
                   "access_log: { path: \"a\\tb\" }\n"
                   "limits: { max_connections: 18446744073709551616 }\n"),
            4u);
}
TEST(Load, WordsAreNoPathsOfALog) {
  const auto message = [](const std::string& path) {
    const LoadResult result = Load("access_log: { path: \"" + path + "\" }\n" + kMinimal);
    return result.ok() ? "" : result.errors[0].message;
  };
  for (const char* path : {"off", "stdout", "stderr", "/var/log/a", "logs/a", "./on", "access.log",
                           "/dev/stdout", "/proc/self/fd/1", "/var/log/a:b", "../none"}) {
    EXPECT_EQ(message(path), "") << path;
  }
  const auto means = [&](const std::string& path, const std::string& word) {
    EXPECT_NE(message(path).find("did you mean \"" + word + "\"?"), std::string::npos)
        << path << ": " << message(path);
  };
  for (const char* path : {"", "none", "None", "no", "false", "null", "0", "disabled", "OFF"}) {
    means(path, "off");
  }
  for (const char* path : {"on", "yes", "true", "TRUE", "-", "1", "Stdout", "stdot"}) {
    means(path, "stdout");
  }
  for (const char* path : {"STDERR", "stder", "syslog", "journald", "2"}) means(path, "stderr");
  for (const char* path : {"access", "unix:/dev/log", "file:///var/log/a", "127.0.0.1:514",
                           "127.0.0.1", "udp://10.0.0.1/a", ".", "..", "/var/log/", "a\\nb"}) {
    EXPECT_NE(message(path), "") << path;
  }
}

TEST(Load, OwnersAreNamesOrNumbers) {
  const auto ok = [](const std::string& owner) {
    return Load("defaults: { socket: { unix_owner: '" + owner + "', unix_group: '" + owner +
                "' } }\n" + kMinimal)
        .ok();
  };
  for (const char* owner : {"", "root", "_apt", "www-data", "0", "4294967294", "host$", "a.b",
                            "DOMAIN\\user", "user@example.org"}) {
    EXPECT_TRUE(ok(owner)) << owner;
  }
  for (const char* owner : {"4294967295", "-1", "01", "a b", "a:b", "99999999999999999999"}) {
    EXPECT_FALSE(ok(owner)) << owner;
  }
}

TEST(Load, TheUpperEndOfBandwidth) {
  const auto ok = [](const std::string& rate) {
    return Load("defaults: { bandwidth: { total: " + rate + " } }\n" + kMinimal).ok();
  };
  EXPECT_TRUE(ok("1024GiB/s"));
  EXPECT_FALSE(ok("1025GiB/s"));
}

TEST(Load, ManyErrorsAreCutWithACount) {
  std::string text = kMinimal;
  for (int i = 0; i < 5000; ++i) text += "key" + std::to_string(i) + ": 1\n";
  const LoadResult result = Load(text);
  ASSERT_EQ(result.errors.size(), Errors::kMaxErrors + 1);
  EXPECT_EQ(result.errors.back().message, "and 4000 more errors from here on");
}

class LoadFileTest : public ::testing::Test {
 protected:
  LoadFileTest() {
    const char* tmp = std::getenv("TEST_TMPDIR");
    folder_ = std::string(tmp == nullptr ? "/tmp" : tmp) + "/load_test_XXXXXX";
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  }
  ~LoadFileTest() override {
    unlink(Path().c_str());
    rmdir(folder_.c_str());
  }
  std::string Path() const { return folder_ + "/x.yaml"; }

  std::string folder_;
};

TEST_F(LoadFileTest, ReadsAFile) {
  std::ofstream(Path()) << kMinimal;
  const LoadResult result = LoadFile(Path(), NoEnv());
  EXPECT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(result.config, Load(kMinimal).config);
}

TEST_F(LoadFileTest, ReadsAPipe) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const std::string text = kMinimal;
  ASSERT_EQ(write(fds[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  close(fds[1]);
  const LoadResult result = LoadFile("/dev/fd/" + std::to_string(fds[0]), NoEnv());
  close(fds[0]);
  EXPECT_TRUE(result.ok()) << ErrorsOf(result);
}

TEST_F(LoadFileTest, MissingFile) {
  EXPECT_EQ(ErrorsOf(LoadFile(Path(), NoEnv())), Path() + ": no such file\n");
  EXPECT_EQ(ErrorsOf(LoadFile(Path() + "/x", NoEnv())), Path() + "/x: no such file\n");
}

TEST_F(LoadFileTest, Directory) {
  EXPECT_EQ(ErrorsOf(LoadFile(folder_, NoEnv())), folder_ + ": this is a directory, not a file\n");
}

TEST_F(LoadFileTest, UnreadableFile) {
  std::ofstream(Path()) << kMinimal;
  ASSERT_EQ(chmod(Path().c_str(), 0), 0);
  const uid_t user = geteuid();
  if (user == 0) {  // root reads everything
    ASSERT_EQ(seteuid(65534), 0);
  }
  const std::string errors = ErrorsOf(LoadFile(Path(), NoEnv()));
  ASSERT_EQ(seteuid(user), 0);
  EXPECT_EQ(errors, Path() + ": this process has no permission to read the file\n");
}

TEST_F(LoadFileTest, EndlessFile) {
  const LoadResult result = LoadFile("/dev/zero", NoEnv());
  ASSERT_EQ(result.errors.size(), 1u);
  EXPECT_EQ(result.errors[0].message, "the file is larger than the limit of 2097152 bytes");
}

}  // namespace
}  // namespace sluice::conf::testing
