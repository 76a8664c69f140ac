// What tests of a server that serves have in common: upstreams that greet and echo, clients, and
// the server itself beside a thread that drives it.
#ifndef SLUICE_TESTS_PROXY_SERVER_SERVING_H_
#define SLUICE_TESTS_PROXY_SERVER_SERVING_H_

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "conf/config.h"
#include "core/io/signals.h"
#include "core/log/logger.h"
#include "proxy/memory/heap_reserve.h"
#include "proxy/observe/access_log/access_log.h"
#include "proxy/server/server.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"

namespace sluice::proxy::testing {

using contract::Fd;

// Keeps every line.
class LineLogger final : public core::Logger {
 public:
  LineLogger() : Logger(core::LogLevel::kInfo) {}
  void Write(core::LogLevel, std::string_view line) override {
    absl::MutexLock lock(&mutex_);
    lines_.emplace_back(line);
  }
  uint64_t dropped() const override { return 0; }
  bool Drain(core::Duration) override { return true; }

  // Waits for the `count`-th line with `text`, and returns it.
  std::string WaitFor(std::string_view text, size_t count) {
    std::string found;
    const auto is_there = [&] {
      size_t seen = 0;
      for (const std::string& line : lines_) {
        if (line.find(text) == std::string::npos || ++seen < count) continue;
        found = line;
        return true;
      }
      return false;
    };
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&is_there));
    return found;
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> lines_;
};

// Greets every connection with its name and echoes what it gets; until it goes.
class EchoServer {
 public:
  explicit EchoServer(char name) : name_(name), listener_(contract::ListenPlain()) {
    thread_ = std::thread([this] { Accept(); });
  }
  ~EchoServer() { Stop(); }
  // Once all connections to it have ended.
  void Stop() {
    if (stopped_.exchange(true)) return;
    contract::ConnectPlain(address());
    thread_.join();
    for (std::thread& each : connections_) each.join();
  }
  core::Address address() const { return contract::AddressOf(listener_.get()); }

 private:
  void Accept() {
    for (;;) {
      Fd connection = contract::AcceptPlain(listener_.get());
      if (stopped_.load()) return;
      connections_.emplace_back(
          [this](Fd fd) {
            contract::SetBlocking(fd.get(), true);
            char buffer[512] = {name_};
            ssize_t size = 1;
            while (size > 0 && send(fd.get(), buffer, size, MSG_NOSIGNAL) == size) {
              size = recv(fd.get(), buffer, sizeof(buffer), 0);
            }
          },
          std::move(connection));
    }
  }

  const char name_;
  Fd listener_;
  std::atomic<bool> stopped_{false};
  std::thread thread_;
  std::vector<std::thread> connections_;
};

// A client's connection: which server has greeted it, and whether it still works.
struct Visit {
  explicit Visit(const core::Address& proxy) : fd(contract::ConnectPlain(proxy)) {
    contract::SetBlocking(fd.get(), true);
    const std::string greeting = contract::ReceiveExactly(fd.get(), 1);
    server = greeting.empty() ? '-' : greeting[0];
  }
  bool Works() {
    const std::string text = "to and fro";
    return contract::SendSome(fd.get(), text) == text.size() &&
           contract::ReceiveExactly(fd.get(), text.size()) == text;
  }
  Fd fd;
  char server;
};

// In this thread and those that it starts later: made before all others.
struct SignalsBlocked {
  SignalsBlocked() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGHUP, SIGTERM}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  }
};

class ServingTest : public contract::ContractTest {
 protected:
  // What it begins with; the listener `web` is the first.
  virtual conf::Config FirstConfig() const = 0;

  // Runs a server, and `drive` beside it, on a thread that ends with SIGTERM.
  template <typename Drive>
  void Serve(Drive drive) {
    core::SignalStream signals({SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2});
    ASSERT_EQ(signals.error(), 0);
    const conf::Config first = FirstConfig();
    Server serving(first, runtime().handle(), signals, logger, access_log, reserve);
    serving.set_next_config([this]() -> absl::StatusOr<conf::Config> { return next; }, elsewhere);
    server = &serving;
    std::thread driver([&] {
      const std::string line = logger.WaitFor("listener web: listening on ", 1);
      proxy = contract::Loopback(std::stoi(line.substr(line.rfind(':') + 1)));
      drive();
      if (!has_signalled) SignalEnd();
    });
    Run(serving.Run());
    driver.join();
    even.Stop();
    odd.Stop();
    EXPECT_TRUE(serving.status().ok()) << serving.status();
  }
  // Waits until `config` is in force.
  void Exchange(conf::Config config) {
    next = std::move(config);
    kill(getpid(), SIGHUP);
    logger.WaitFor("another configuration is in force", ++exchanges);
  }

  // For a test of the end; else the end of `drive` asks for it.
  void SignalEnd() {
    has_signalled = true;
    kill(getpid(), SIGTERM);
  }

  SignalsBlocked signals_blocked;
  bool has_signalled = false;
  EchoServer even{'e'};
  EchoServer odd{'o'};
  LineLogger logger;
  HeapReserve reserve{0, [] { return true; }};
  AccessLog* access_log = nullptr;
  RunElsewhere elsewhere = RunOnThread;  // it reads configurations and ends sessions
  conf::Config next;
  size_t exchanges = 0;
  core::Address proxy;
  Server* server = nullptr;
};

}  // namespace sluice::proxy::testing

#endif  // SLUICE_TESTS_PROXY_SERVER_SERVING_H_
