// The console: what it answers, also while the only worker is stuck, and to clients that are slow,
// many, or speak no HTTP; and what its thread is to the rest of the process.
#include "core/console/console.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/sync/event.h"
#include "core/task/task.h"
#include "tests/core/support/backends.h"

namespace sluice::core {
namespace {

using nlohmann::json;
using testing::BackendTest;

class ConsoleTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    char name[] = "/tmp/sluice-console-XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ + "/socket";
  }
  void TearDown() override {
    struct stat found;
    EXPECT_NE(stat(path_.c_str(), &found), 0) << "the socket's file is still there";
    rmdir(folder_.c_str());
  }

  static RuntimeOptions Watching() {
    RuntimeOptions options = Options();
    options.watch.tasks = true;
    return options;
  }

  int Connect() const {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = ""};
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
  // All that comes until the end.
  static std::string ReadAll(int fd) {
    std::string text;
    char buffer[65536];
    for (ssize_t got; (got = read(fd, buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(got));
    }
    close(fd);
    return text;
  }
  std::string Ask(const std::string& request) const {
    const int fd = Connect();
    EXPECT_EQ(send(fd, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    return ReadAll(fd);
  }
  std::string Get(const std::string& target) const {
    return Ask(absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  }
  json Tasks(const std::string& query = "") const {
    const std::string answer = Get("/api/v1/tasks" + query);
    EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.0 200 OK\r\n")) << answer;
    return json::parse(answer.substr(answer.find("\r\n\r\n")));
  }

  std::string folder_;
  std::string path_;
};

TEST_P(ConsoleTest, AnswersAlsoWhileAWorkerIsStuck) {
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  auto console = Console::Start(path_, runtime.handle());
  ASSERT_TRUE(console.ok()) << console.status();
  struct stat found;
  ASSERT_EQ(stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  std::atomic<bool> may_end = false;
  std::vector<JoinHandle<void>> stuck;
  const auto blocks = [&]() -> Task<void> {
    while (!may_end) std::this_thread::yield();
    co_return;
  };
  for (uint32_t i = 0; i < GetParam().workers; ++i) {
    stuck.push_back(runtime.handle().Spawn(CoInvoke(blocks), {"stuck"}));
  }
  json answer;
  do {
    answer = Tasks("?order=state&name=stuck&limit=1");
  } while (answer["tasks"][0]["state"] != "running");
  EXPECT_EQ(answer["tasks"].size(), 1u);
  EXPECT_EQ(answer["tasks_total"], GetParam().workers);
  EXPECT_EQ(answer["pid"], getpid());
  // A blank can be said in two ways; and it is looked for all of what is said.
  JoinHandle<void> named = runtime.handle().Spawn(CoInvoke(blocks), {"a b&c"});
  for (const std::string query : {"?name=a+b", "?name=a%20b", "?name=A%2fb&name=%62%26C"}) {
    const bool is_found = query[query.size() - 1] == 'b';
    EXPECT_EQ(Tasks(query)["tasks"].size(), is_found ? 1u : 0u) << query;
  }
  EXPECT_EQ(Tasks("?name=a%20b%26%63")["tasks"].size(), 1u);
  may_end = true;
  for (JoinHandle<void>& each : stuck) (void)runtime.BlockOn(std::move(each));
  (void)runtime.BlockOn(std::move(named));
}

TEST_P(ConsoleTest, WhatItDoesNotTake) {
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  auto console = Console::Start(path_, runtime.handle());
  ASSERT_TRUE(console.ok()) << console.status();
  const std::pair<std::string, std::string> cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.0 404 "},
      {"GET /api/v1/tasksx HTTP/1.1\r\n\r\n", "HTTP/1.0 404 "},
      {"POST /api/v1/tasks HTTP/1.1\r\n\r\n", "HTTP/1.0 405 "},
      {"nonsense\r\n\r\n", "HTTP/1.0 400 "},
      {"GET /api/v1/tasks?order=size HTTP/1.1\r\n\r\n", "HTTP/1.0 400 "},
      {"GET /api/v1/tasks?name=%4 HTTP/1.1\r\n\r\n", "HTTP/1.0 400 "},
      {"GET /api/v1/tasks?name=%41+ HTTP/1.1\r\n\r\n", "HTTP/1.0 200 "},
      {std::string(Console::kMostRequest + 1, 'x'), "HTTP/1.0 431 "}};
  for (const auto& [request, status] : cases) {
    const std::string answer = Ask(request);
    EXPECT_TRUE(absl::StartsWith(answer, status)) << request << " " << answer;
    const size_t body = answer.find("\r\n\r\n");
    ASSERT_NE(body, std::string::npos) << request;
    EXPECT_TRUE(json::accept(answer.substr(body))) << answer;
  }
  EXPECT_TRUE(absl::StrContains(Get("/api/v1/tasks?limit=x"), "limit is a number from 0"));
}

// Those that say nothing, and one that does not read its long answer, are dropped; others come to
// their turn then.
TEST_P(ConsoleTest, ThoseThatStallAreDropped) {
  Event event;
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  auto console = Console::Start(path_, runtime.handle());
  ASSERT_TRUE(console.ok()) << console.status();
  std::vector<JoinHandle<void>> tasks;
  const auto waits = [&]() -> Task<void> { (void)co_await event.Wait(); };
  for (int i = 0; i < 5000; ++i) tasks.push_back(runtime.handle().Spawn(waits));
  const int reads_nothing = Connect();
  const std::string request = "GET /api/v1/tasks?limit=5000 HTTP/1.0\r\n\r\n";
  ASSERT_EQ(send(reads_nothing, request.data(), request.size(), 0),
            static_cast<ssize_t>(request.size()));
  std::vector<int> silent;
  for (size_t i = 0; i + 1 < Console::kMostClients; ++i) silent.push_back(Connect());
  const MonotonicClock clock;
  const Instant begin = clock.Now();
  EXPECT_EQ(Tasks("?limit=1")["tasks_total"], 5000);  // behind them all
  EXPECT_GE(clock.Now() - begin, Console::kPatience / 2);
  for (const int fd : silent) EXPECT_EQ(ReadAll(fd), "");
  const std::string cut = ReadAll(reads_nothing);
  EXPECT_FALSE(json::accept(cut.substr(cut.find("\r\n\r\n"))));
  EXPECT_EQ(Tasks("?limit=5000")["tasks"].size(), 5000u);  // one that reads gets all of it
  event.Set();
  for (JoinHandle<void>& each : tasks) (void)runtime.BlockOn(std::move(each));
}

TEST_P(ConsoleTest, WhatCannotBe) {
  {
    Runtime runtime(Options());
    const auto console = Console::Start(path_, runtime.handle());
    EXPECT_TRUE(absl::StrContains(std::string(console.status().message()), "watch.tasks"));
  }
  Runtime runtime(Watching());
  const auto nowhere = Console::Start("/nowhere/socket", runtime.handle());
  EXPECT_EQ(nowhere.status().message(),
            "/nowhere/socket: cannot listen: No such file or directory");
  auto console = Console::Start(path_, runtime.handle());
  ASSERT_TRUE(console.ok()) << console.status();
  const auto twice = Console::Start(path_, runtime.handle());
  EXPECT_TRUE(absl::StrContains(std::string(twice.status().message()), "in use"));
}

// Of the line "SigBlk:" of a thread of this process that has this name, once it has it.
uint64_t SignalsBlockedBy(const std::string& name) {
  for (;;) {
    for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
      std::string own_name;
      std::getline(std::ifstream(thread.path() / "comm"), own_name);
      if (own_name != name) continue;
      std::ifstream status(thread.path() / "status");
      for (std::string line; std::getline(status, line);) {
        if (absl::StartsWith(line, "SigBlk:")) return std::stoull(line.substr(7), nullptr, 16);
      }
    }
    std::this_thread::yield();
  }
}

TEST_P(ConsoleTest, TakesNoSignalsButThoseOfItsOwnMistakes) {
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);  // whatever the tests before have left
  auto console = Console::Start(path_, runtime.handle());
  ASSERT_TRUE(console.ok()) << console.status();
  const uint64_t blocked = SignalsBlockedBy("console");
  sigset_t after;
  pthread_sigmask(SIG_BLOCK, nullptr, &after);
  const auto is_blocked = [&](int signal) { return (blocked >> (signal - 1) & 1) != 0; };
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE, SIGALRM}) {
    EXPECT_TRUE(is_blocked(signal)) << signal;
    EXPECT_EQ(sigismember(&after, signal), 0) << signal << ", of the thread that has started it";
  }
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    EXPECT_FALSE(is_blocked(signal)) << signal;
  }
}

// A child that has not called exec has the object, and none of what it stands for.
TEST_P(ConsoleTest, AChildLeavesItToItsParent) {
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  auto console = Console::Start(path_, runtime.handle());
  ASSERT_TRUE(console.ok()) << console.status();
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    console->reset();
    _exit(0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Tasks()["tasks_total"], 0);
}

// All of it comes, though the client takes it in small bites; and resources have the same limit.
TEST_P(ConsoleTest, ALongAnswerInSmallBites) {
  std::deque<Event> events(2000);
  Runtime runtime(Watching());
  ASSERT_TRUE(runtime.StartInBackground().ok());
  auto console = Console::Start(path_, runtime.handle());
  ASSERT_TRUE(console.ok()) << console.status();
  std::vector<JoinHandle<void>> tasks;
  const auto waits = [](Event& event) -> Task<void> { (void)co_await event.Wait(); };
  for (Event& each : events) {
    tasks.push_back(runtime.handle().Spawn(CoInvoke(waits, std::ref(each)), {"waits"}));
  }
  while (Tasks("?order=state&limit=1")["tasks"][0]["state"] != "waiting") continue;
  const int fd = Connect();
  const std::string request = "GET /api/v1/tasks?limit=2000 HTTP/1.0\r\n\r\n";
  ASSERT_EQ(send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  std::string text;
  char bite[4096];
  for (ssize_t got; (got = read(fd, bite, sizeof(bite))) > 0;) {
    text.append(bite, static_cast<size_t>(got));
  }
  close(fd);
  json answer = json::parse(text.substr(text.find("\r\n\r\n")));
  EXPECT_EQ(answer["tasks"].size(), 2000u);
  EXPECT_EQ(answer["resources"].size(), 2000u);
  answer = Tasks("?limit=5&name=waits");
  EXPECT_EQ(answer["tasks"].size(), 5u);
  EXPECT_EQ(answer["resources"].size(), 5u);
  EXPECT_EQ(answer["tasks_total"], 2000);
  EXPECT_EQ(answer["resources_total"], 2000);
  for (Event& each : events) each.Set();
  for (JoinHandle<void>& each : tasks) (void)runtime.BlockOn(std::move(each));
}

SLUICE_ON_EVERY_BACKEND(ConsoleTest);

}  // namespace
}  // namespace sluice::core
