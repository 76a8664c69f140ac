// HttpConnections: who is closed, and who is never.
#include "proxy/admin/http/connections.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace sluice::proxy {
namespace {

constexpr core::Instant kStart = core::Instant() + 1h;

class ConnectionsTest : public ::testing::Test {
 protected:
  ~ConnectionsTest() override {
    for (const int fd : fds_) close(fd);
  }
  HttpConnection& Add(core::Instant since) {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    fds_.insert(fds_.end(), {fds[0], fds[1]});
    connections_.Add({.fd = fds[0], .door = 0, .peer = {}, .since = since});
    all_.push_back(&connections_.last());
    return connections_.last();
  }
  // "0 2": those that the other side sees closed.
  std::string Closed() const {
    std::string closed;
    for (size_t i = 0; i < all_.size(); ++i) {
      char byte;
      const bool is_closed = recv(fds_[2 * i + 1], &byte, 1, 0) == 0;
      EXPECT_EQ(is_closed, all_[i]->is_closed) << i;
      if (is_closed) closed += (closed.empty() ? "" : " ") + std::to_string(i);
    }
    return closed;
  }

  HttpConnections connections_;
  std::vector<HttpConnection*> all_;
  std::vector<int> fds_;
};

TEST_F(ConnectionsTest, TheOldestGivesWay) {
  for (int i = 0; i < 4; ++i) Add(kStart);
  all_[0]->waits = true;
  connections_.Renew(*all_[1], kStart + 1s);
  connections_.MakeFree(5);
  EXPECT_EQ(Closed(), "");
  connections_.MakeFree(4);
  EXPECT_EQ(Closed(), "2");
  connections_.MakeFree(4);
  EXPECT_EQ(Closed(), "2") << "it is as good as gone";
  connections_.MakeFree(3);
  EXPECT_EQ(Closed(), "2 3");
  connections_.MakeFree(0);
  EXPECT_EQ(Closed(), "1 2 3");
  connections_.MakeFree(0);
  EXPECT_EQ(Closed(), "1 2 3") << "the one that waits stays";
  connections_.Remove(all_[2]);
  EXPECT_EQ(connections_.size(), 3u);
}

TEST_F(ConnectionsTest, UnsentAnswersAreBounded) {
  for (int i = 0; i < 6; ++i) Add(kStart);
  constexpr size_t kHalf = HttpConnections::kMostUnsent / 2;
  EXPECT_TRUE(connections_.TakesAnswer(*all_[0], HttpConnections::kSmall));
  EXPECT_TRUE(connections_.TakesAnswer(*all_[1], kHalf));
  EXPECT_TRUE(connections_.TakesAnswer(*all_[2], kHalf - 1));
  EXPECT_TRUE(connections_.TakesAnswer(*all_[3], 10 * kHalf)) << "one may be beyond it";
  EXPECT_TRUE(connections_.TakesAnswer(*all_[4], HttpConnections::kSmall));
  EXPECT_EQ(Closed(), "");
  EXPECT_FALSE(connections_.TakesAnswer(*all_[5], HttpConnections::kSmall + 1));
  EXPECT_EQ(Closed(), "1");
  EXPECT_FALSE(connections_.TakesAnswer(*all_[5], HttpConnections::kSmall + 1));
  EXPECT_EQ(Closed(), "1 2") << "what is closed is there until the library has seen it";
  for (const int i : {1, 2, 3, 3}) connections_.AnswerIsGone(*all_[i]);
  EXPECT_TRUE(connections_.TakesAnswer(*all_[5], HttpConnections::kSmall + 1));
  EXPECT_EQ(Closed(), "1 2");
}

TEST_F(ConnectionsTest, WhoIsLateIsClosed) {
  for (int i = 0; i < 4; ++i) Add(kStart + i * 1s);
  all_[1]->waits = true;
  connections_.CloseLate(kStart + 29s, 30s);
  EXPECT_EQ(Closed(), "");
  connections_.CloseLate(kStart + 32s, 30s);
  EXPECT_EQ(Closed(), "0 2");
  connections_.CloseResting();
  EXPECT_EQ(Closed(), "0 2 3");
}

}  // namespace
}  // namespace sluice::proxy
