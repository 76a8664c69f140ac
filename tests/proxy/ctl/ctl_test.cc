// What `sluice ctl` makes of its command line and of answers. tests/e2e/test_ctl.py asks a proxy.

#include "proxy/ctl/ctl.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/net/address.h"
#include "proxy/ctl/client.h"
#include "proxy/ctl/commands.h"
#include "proxy/ctl/json.h"
#include "proxy/ctl/request.h"
#include "proxy/ctl/table.h"
#include "proxy/ctl/views.h"
#include "proxy/ctl/watch.h"

namespace sluice::proxy {
namespace {

CtlResult Ask(const std::vector<std::string>& words, const std::string& admin = "unix:/absent") {
  return RunCtl(words, [&admin](const char* name) {
    return std::string(name) == "SLUICE_ADMIN" ? admin : "";
  });
}

// Serves one client at a UNIX socket: `serve` has its connection, which closes afterwards.
class Server {
 public:
  explicit Server(std::function<void(int)> serve) {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    const core::Address address = *core::Address::Parse(admin());
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(listener_, address.get(), address.size()), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    thread_ = std::thread([this, serve = std::move(serve)] {
      const int connection = accept(listener_, nullptr, nullptr);
      serve(connection);
      close(connection);
    });
  }
  ~Server() {
    shutdown(listener_, SHUT_RDWR);  // of a client that has not come
    thread_.join();
    close(listener_);
    unlink((folder_ + "/admin").c_str());
    rmdir(folder_.c_str());
  }

  std::string admin() const { return "unix:" + folder_ + "/admin"; }

 private:
  std::string folder_ = "/tmp/ctl-XXXXXX";  // short: for sockets
  int listener_ = -1;
  std::thread thread_;
};

void Send(int connection, const std::string& text) {
  (void)send(connection, text.data(), text.size(), MSG_NOSIGNAL);
}

TEST(Ctl, WhatIsWrongWithTheCommandLine) {
  for (const auto& [words, error] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{}, "a command is needed, such as status. See sluice ctl --help.\n"},
           {{"statu"}, "there is no command statu: did you mean status? See sluice ctl --help.\n"},
           {{"xyz"}, "there is no command xyz. See sluice ctl --help.\n"},
           {{"status", "web"}, "status takes no argument. See sluice ctl --help.\n"},
           {{"log-level"}, "it is: log-level LEVEL. See sluice ctl --help.\n"},
           {{"drain", "app"},
            "app is no endpoint: it is named UPSTREAM/NAME, as endpoints shows. See sluice ctl "
            "--help.\n"},
           {{"kill"}, "it is: kill ID, or KEY=VALUE.... See sluice ctl --help.\n"},
           {{"shed"}, "it is: shed PERCENT over TIME, or stop. See sluice ctl --help.\n"},
           {{"sessions", "app"}, "it is: sessions [KEY=VALUE].... See sluice ctl --help.\n"},
           {{"weight", "app/a", "1", "x=1"},
            "it is: weight UPSTREAM/NAME N. See sluice ctl --help.\n"},
           {{"kill", "12", "x=1"}, "it is: kill ID, or KEY=VALUE.... See sluice ctl --help.\n"},
           {{"sessions", "limit=1", "app"},
            "it is: sessions [KEY=VALUE].... See sluice ctl --help.\n"},
           {{"drain", "wait=drained"},
            "wait=drained is no endpoint: it is named UPSTREAM/NAME, as endpoints shows. See "
            "sluice ctl --help.\n"},
           {{"--token-file", "/absent", "status"},
            "cannot read --token-file /absent: No such file or directory. See sluice ctl "
            "--help.\n"},
           {{"--token-file=/", "status"}, "--token-file / is no file. See sluice ctl --help.\n"},
           {{"--admin"}, "--admin needs a value. See sluice ctl --help.\n"},
           {{"--config=", "status"}, "--config needs a value. See sluice ctl --help.\n"},
           {{"--watch=1ms", "status"},
            "--watch takes a time from 100ms to 1d, such as --watch=5s. See sluice ctl --help.\n"},
           {{"--watch", "reload"},
            "--watch goes with what is only read, such as sessions. See sluice ctl --help.\n"},
           {{"--watch", "events"}, "events are followed: --follow. See sluice ctl --help.\n"},
           {{"--follow", "status"}, "--follow goes with events alone. See sluice ctl --help.\n"},
           {{"--follow", "--watch", "events"},
            "--follow and --watch: one of them is enough. See sluice ctl --help.\n"},
           {{"--jason", "status"}, "unknown option --jason. See sluice ctl --help.\n"}}) {
    const CtlResult result = Ask(words);
    EXPECT_EQ(result.code, 2);
    EXPECT_EQ(result.error, error);
  }
  const CtlResult help = Ask({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const CtlCommand& each : CtlCommands()) {
    const std::string name = std::string(each.name.substr(0, each.name.find(' ')));
    EXPECT_NE(help.output.find("\n  " + name), std::string::npos) << name;
  }
  EXPECT_EQ(RunCtl({"status"},
                   [](const char* name) {
                     return std::string(name) == "SLUICE_ADMIN_TOKEN" ? "a\r\nb" : "";
                   })
                .code,
            2)
      << "a token cannot make another header";
}

TEST(Ctl, WhatItAsksFor) {
  using Words = std::vector<std::string>;
  for (const auto& [words, asked] : std::vector<std::pair<Words, std::string>>{
           {{"ready"}, "GET /readyz"},
           {{"ready", "app/a"}, "POST /api/v1/endpoints/app/a/ready"},
           {{"drain", "app/[::1]:80", "wait=drained", "timeout=5m"},
            "POST /api/v1/endpoints/app/%5B%3A%3A1%5D%3A80/drain?wait=drained&timeout=5m"},
           {{"remove", "app/unix:/run/x"}, "DELETE /api/v1/endpoints/app/unix%3A%2Frun%2Fx"},
           {{"weight", "app/a", "7"}, "PUT /api/v1/endpoints/app/a/weight?weight=7"},
           {{"add", "app", "10.0.0.1:80", "weight=3"},
            "POST /api/v1/upstreams/app/endpoints?address=10.0.0.1%3A80&weight=3"},
           {{"drain", "app/unix:/a=1", "wait=drained"},
            "POST /api/v1/endpoints/app/unix%3A%2Fa%3D1/drain?wait=drained"},
           {{"ready", "app/unix:/a=1"}, "POST /api/v1/endpoints/app/unix%3A%2Fa%3D1/ready"},
           {{"add", "app", "unix:/a=1", "name=b=2"},
            "POST /api/v1/upstreams/app/endpoints?address=unix%3A%2Fa%3D1&name=b%3D2"},
           {{"sessions"}, "GET /api/v1/sessions"},
           {{"sessions", "client=10.0.0.1", "order=idle"},
            "GET /api/v1/sessions?client=10.0.0.1&order=idle"},
           {{"kill", "12"}, "DELETE /api/v1/sessions/12"},
           {{"kill", "min_idle=1h"}, "DELETE /api/v1/sessions?min_idle=1h"},
           {{"shed", "10%", "over", "5m"}, "POST /api/v1/shed?percent=10%25&over=5m"},
           {{"shed", "stop"}, "DELETE /api/v1/shed"},
           {{"events", "limit=5"}, "GET /api/v1/events?limit=5"},
           {{"upgrade"}, "POST /api/v1/upgrade"},
           {{"shutdown"}, "POST /api/v1/shutdown"},
           {{"log-level", "debug"}, "POST /api/v1/log-level?level=debug"}}) {
    const absl::StatusOr<CtlRequest> request = CtlRequestOf(words);
    ASSERT_TRUE(request.ok()) << request.status();
    EXPECT_EQ(std::string(request->method) + " " + request->target, asked);
  }
}

TEST(Ctl, AProcessThatIsNotThere) {
  const CtlResult result = Ask({"ready"});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.error,
            "cannot ask the proxy at unix:/absent: No such file or directory: does the proxy run, "
            "and does its configuration have admin.bind? Another address is given by --admin or "
            "SLUICE_ADMIN\n");
  for (const char* const admin : {"/run/x", "https://127.0.0.1:1", "http://", "http://127.0.0.1",
                                  "http://127.0.0.1:0", "http://example.org:1", "unix:"}) {
    const CtlResult wrong = Ask({"ready"}, admin);
    EXPECT_EQ(wrong.code, 1) << admin;
    EXPECT_NE(wrong.error.find("has none of the forms"), std::string::npos) << wrong.error;
  }
}

TEST(Ctl, PatienceIsForTheWholeAnswer) {
  for (const auto& [method, error] : std::vector<std::pair<std::string, std::string>>{
           {"GET", ""}, {"POST", "; what was asked for may still be done"}}) {
    const Server server([](int connection) {
      pollfd gone = {.fd = connection, .events = POLLRDHUP, .revents = 0};
      // A byte long before the client's patience ends, again and again; at last it gives up.
      for (int i = 0; i < 200 && poll(&gone, 1, /*timeout=*/20) == 0; ++i) Send(connection, "H");
    });
    const absl::StatusOr<AdminReply> reply = AskAdmin(server.admin(), method, "/", "", 100ms);
    EXPECT_EQ(reply.status().message(),
              "the proxy at " + server.admin() + " has not answered within 100ms" + error);
  }
}

TEST(Ctl, AWaitThatWasInVainIsTold) {
  const std::string body =
      R"({"upstream":"app","name":"a","state":"drain","usable":false,"sessions_active":3})";
  const Server server([&body](int connection) {
    Send(connection, "HTTP/1.1 504 Gateway Timeout\r\n\r\n" + body);
    shutdown(connection, SHUT_WR);
    std::string request(4096, '\0');
    while (recv(connection, request.data(), request.size(), 0) > 0) {
    }
  });
  const CtlResult result = Ask({"drain", "app/a", "wait=drained"}, server.admin());
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.error,
            "app/a still has 3 sessions at the end of the wait; its state is drain\n");
}

TEST(Ctl, ErrorsAreJsonForPrograms) {
  const CtlResult result = Ask({"--json", "status"});
  EXPECT_EQ(result.code, 1);
  EXPECT_TRUE(result.output.starts_with("{\"error\":\"cannot ask the proxy at unix:/absent: "))
      << result.output;
}

TEST(Ctl, ATerminalShowsAsMuchAsItHas) {
  EXPECT_EQ(Redraw("a\nb\n", 24, 80), "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
  EXPECT_EQ(Redraw("abc\n\n", 24, 2), "\x1b[Hab\x1b[K\n\x1b[K\n\x1b[J");
  EXPECT_EQ(Redraw("\u00e4\u00f6\u00fc", 24, 2), "\x1b[H\u00e4\u00f6\x1b[K\n\x1b[J")
      << "characters";
  EXPECT_EQ(Redraw("a\nb\nc\nd\n", 4, 80),
            "\x1b[Ha\x1b[K\nb\x1b[K\nand 2 lines more\x1b[K\n\x1b[J");
  EXPECT_EQ(Redraw("a\nb\nc\n", 4, 80), "\x1b[Ha\x1b[K\nb\x1b[K\nc\x1b[K\n\x1b[J");
  EXPECT_EQ(Redraw("", 0, 0), "\x1b[H\x1b[J");
}

TEST(Ctl, EventsSayWhatHasGone) {
  const auto answer = ParseJson(
      R"({"run":1,"last":9,"lost":7,"events":[{"id":9,"at":"2026-11-20T22:32:15.463987Z","kind":"health",
          "level":"warn","upstream":"app","endpoint":"a","who":"","text":"is\u001b[1m down"}]})");
  EXPECT_EQ(EventsText(*answer),
            "-- 7 events before these have gone\n"
            "2026-11-20T22:32:15.463987Z  warn   health    is\\x1b[1m down\n");
}

TEST(Ctl, AnAnswerIsTakenAsAWholeOrNotAtAll) {
  const auto reply = ParseReply("HTTP/1.1 409 Conflict\r\ncontent-length: 2\r\n\r\nab");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 409);
  EXPECT_EQ(reply->body, "ab");
  EXPECT_TRUE(ParseReply("HTTP/1.0 200 OK\r\n\r\n"));
  for (const char* const text :
       {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 x\r\n\r\n", "SSH-2.0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"}) {
    EXPECT_FALSE(ParseReply(text)) << text;
  }
}

TEST(Ctl, Json) {
  const auto value = ParseJson(R"({"a":[1,true,null,"x"],"b":{"c":-5}})");
  ASSERT_TRUE(value);
  EXPECT_EQ((*value)["a"].Line(), "1, yes, -, x");
  EXPECT_EQ((*value)["b"]["c"].number, -5);
  EXPECT_EQ((*value)["d"]["e"].Line(), "-");
  EXPECT_FALSE(ParseJson("{"));
  EXPECT_FALSE(ParseJson(std::string(100, '[') + std::string(100, ']')));
}

TEST(Ctl, Tables) {
  EXPECT_EQ(FormatTable({{"A", "LONG"}, {"value", "x"}, {"", "\x1b[1m"}}),
            "A      LONG\nvalue  x\n       \\x1b[1m\n");
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(12 << 20), "12.0 MiB");
  EXPECT_EQ(HumanBytes(int64_t{200} << 30), "200 GiB");
  EXPECT_EQ(HumanSeconds(59), "59s");
  EXPECT_EQ(HumanSeconds(200), "3m 20s");
  EXPECT_EQ(HumanSeconds(7500), "2h 5m");
  EXPECT_EQ(HumanSeconds(4 * 86400 + 3 * 3600), "4d 3h");
}

TEST(Ctl, EndpointsAreNamedByTheirUpstream) {
  const auto endpoints = ParseJson(
      R"([{"upstream":"app","name":"10.0.0.1:1","state":"drain","health":"up","usable":false,"weight":0,
           "priority":0,"sessions_active":null,"max_connections":0}])");
  EXPECT_EQ(EndpointsText(*endpoints),
            "ENDPOINT        STATE  HEALTH  USABLE  WEIGHT  PRIORITY  ACTIVE  LIMIT\n"
            "app/10.0.0.1:1  drain  up      no      0       0         -       -\n");
}

}  // namespace
}  // namespace sluice::proxy
