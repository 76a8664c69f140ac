// HttpServer with a handler of the test: who waits, who has gone, and its end.
#include "proxy/admin/http/http_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/net/address.h"
#include "core/sync/cancellation.h"
#include "proxy/admin/http/connections.h"

namespace sluice::proxy {
namespace {

constexpr size_t kLarge = size_t{4} << 20;
constexpr char kRequest[] = "GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n";

// Keeps what it is asked at /wait, and answers all others at once; /large with kLarge bytes.
class Handler {
 public:
  struct Asked {
    HttpRequest request;
    HttpAnswer answer;
  };

  void Handle(const HttpRequest& request, HttpAnswer answer) {
    if (request.target == "/large") return answer({.body = std::string(kLarge, 'x')});
    if (request.target != "/wait") return answer({.body = "at once"});
    absl::MutexLock lock(&mutex_);
    asked_.push_back({request, std::move(answer)});
  }
  // Waits until it has been asked as often.
  std::vector<Asked> Wait(size_t count) {
    const auto are_there = [this, count] {
      mutex_.AssertReaderHeld();
      return asked_.size() >= count;
    };
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&are_there));
    return asked_;
  }

 private:
  absl::Mutex mutex_;
  std::vector<Asked> asked_ ABSL_GUARDED_BY(mutex_);
};

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    folder_ = mkdtemp(folder_.data());
    path_ = folder_ + "/socket";
    const core::Address at = core::Address::UnixPath(path_);
    EXPECT_EQ(bind(door_, at.get(), at.size()), 0);
    EXPECT_EQ(listen(door_, 128), 0);
    Start();
  }
  ~HttpServerTest() override {
    server_.reset();
    for (const int fd : clients_) close(fd);
    close(door_);
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }

  void Start() {
    absl::StatusOr<std::unique_ptr<HttpServer>> server =
        HttpServer::Start({door_}, [this](const HttpRequest& request, HttpAnswer answer) {
          handler_.Handle(request, std::move(answer));
        });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  int Connect() {
    const core::Address at = core::Address::UnixPath(path_);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(fd, at.get(), at.size()), 0);
    clients_.push_back(fd);
    return fd;
  }
  int Ask(std::string_view request) {
    const int fd = Connect();
    EXPECT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
    return fd;
  }
  // The first line of an answer; "": the connection is closed without one.
  static std::string StatusOf(int fd) {
    std::string line;
    char byte;
    while (!line.ends_with("\r\n") && read(fd, &byte, 1) == 1) line += byte;
    return line;
  }
  // Until the other side closes; how much there was.
  static size_t ReadAll(int fd) {
    std::array<char, 65536> buffer;
    size_t all = 0;
    for (;;) {
      const ssize_t size = read(fd, buffer.data(), buffer.size());
      if (size <= 0) return all;
      all += static_cast<size_t>(size);
    }
  }
  static std::string Get(std::string_view path) {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  }

  Handler handler_;
  std::string folder_ = "/tmp/http-XXXXXX";  // short: a path of a socket has 107 bytes
  std::string path_;
  const int door_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  std::vector<int> clients_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, TheHandlerIsToldThatARequestMayNotWait) {
  for (size_t i = 0; i < HttpServer::kMostWaiting; ++i) Ask(kRequest);
  for (const Handler::Asked& each : handler_.Wait(HttpServer::kMostWaiting)) {
    EXPECT_TRUE(each.request.may_wait);
  }
  const int late = Ask(kRequest);
  EXPECT_FALSE(handler_.Wait(HttpServer::kMostWaiting + 1).back().request.may_wait);
  EXPECT_EQ(StatusOf(late), "HTTP/1.1 503 Service Unavailable\r\n") << "it has not answered";
  EXPECT_EQ(StatusOf(Ask(Get("/"))), "HTTP/1.1 200 OK\r\n");
  handler_.Wait(1)[0].answer({.body = "late"});
  EXPECT_EQ(StatusOf(clients_[0]), "HTTP/1.1 200 OK\r\n");
}

TEST_F(HttpServerTest, AClientThatGoesGivesItsPlaceBack) {
  for (size_t i = 0; i < HttpServer::kMostWaiting; ++i) Ask(kRequest);
  const std::vector<Handler::Asked> asked = handler_.Wait(HttpServer::kMostWaiting);
  for (const int fd : clients_) shutdown(fd, SHUT_WR);  // it may be a client that has gone
  for (const int fd : clients_) EXPECT_EQ(StatusOf(fd), "") << "it is closed";
  for (const Handler::Asked& each : asked) EXPECT_TRUE(each.request.gone->cancelled());
  const int late = Ask(kRequest);
  const Handler::Asked last = handler_.Wait(HttpServer::kMostWaiting + 1).back();
  EXPECT_TRUE(last.request.may_wait);
  for (const Handler::Asked& each : asked) each.answer({.body = "too late"});
  last.answer({.body = "in time"});
  EXPECT_EQ(StatusOf(late), "HTTP/1.1 200 OK\r\n");
  EXPECT_FALSE(last.request.gone->cancelled());
}

TEST_F(HttpServerTest, ReadersThatDoNotReadHoldABoundedSum) {
  constexpr size_t kFit = HttpConnections::kMostUnsent / kLarge;
  for (size_t i = 0; i < kFit; ++i) {
    EXPECT_EQ(StatusOf(Ask(Get("/large"))), "HTTP/1.1 200 OK\r\n") << i;
  }
  EXPECT_EQ(StatusOf(Ask(Get("/large"))), "HTTP/1.1 503 Service Unavailable\r\n");
  EXPECT_EQ(StatusOf(Ask(Get("/"))), "HTTP/1.1 200 OK\r\n") << "a small one";
  // The oldest has been closed for it.
  const size_t got = ReadAll(clients_[0]);
  EXPECT_LT(got, kLarge);
  EXPECT_EQ(StatusOf(Ask(Get("/large"))), "HTTP/1.1 200 OK\r\n");
  EXPECT_EQ(StatusOf(Ask(Get("/large"))), "HTTP/1.1 503 Service Unavailable\r\n");
}

TEST_F(HttpServerTest, ThoseThatWaitAreAnsweredAtTheEnd) {
  const int waiting = Ask(kRequest);
  const HttpAnswer answer = handler_.Wait(1)[0].answer;
  server_->Stop();
  EXPECT_EQ(StatusOf(waiting), "HTTP/1.1 503 Service Unavailable\r\n");
  answer({.body = "too late"});
}

// Answers that come just then: the library ends the process if it is stopped while one waits.
TEST_F(HttpServerTest, AnswersComeWhileItStops) {
  for (int round = 0; round < 100; ++round) {
    const size_t before = handler_.Wait(0).size();
    constexpr size_t kCount = 8;
    for (size_t i = 0; i < kCount; ++i) Ask(kRequest);
    const std::vector<Handler::Asked> asked = handler_.Wait(before + kCount);
    std::thread answers([&asked, before] {
      for (size_t i = before; i < asked.size(); ++i) asked[i].answer({.body = "now"});
    });
    server_->Stop();
    answers.join();
    for (const int fd : clients_) {
      EXPECT_TRUE(StatusOf(fd).starts_with("HTTP/1.1 ")) << round;
      close(fd);
    }
    clients_.clear();
    Start();
  }
}

}  // namespace
}  // namespace sluice::proxy
