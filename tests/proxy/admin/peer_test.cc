// PeerOf: what a peer may do goes by it, so one that is not known is none.
#include "proxy/admin/http/peer.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "core/net/address.h"

namespace sluice::proxy {
namespace {

// A connection over loopback: the client's socket, and the one to be accepted.
class PeerTest : public ::testing::Test {
 protected:
  PeerTest() {
    in_addr loopback;
    loopback.s_addr = htonl(INADDR_LOOPBACK);
    const core::Address any = core::Address::Ipv4(loopback, 0);
    EXPECT_EQ(bind(listener_, any.get(), any.size()), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    const core::Address bound = core::Address::From(
        [this](sockaddr* at, socklen_t* size) { return getsockname(listener_, at, size); });
    EXPECT_EQ(connect(client_, bound.get(), bound.size()), 0);
  }
  ~PeerTest() override {
    close(listener_);
    if (client_ >= 0) close(client_);
  }

  const int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int client_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

TEST_F(PeerTest, OverTcp) {
  const int fd = accept(listener_, nullptr, nullptr);
  ASSERT_GE(fd, 0);
  const std::optional<HttpPeer> peer = PeerOf(fd);
  ASSERT_TRUE(peer);
  EXPECT_FALSE(peer->is_unix);
  EXPECT_TRUE(peer->name.starts_with("127.0.0.1:")) << peer->name;
  close(fd);
}

// It may not be taken for one at a UNIX socket, which may do all.
TEST_F(PeerTest, OneThatHasGoneIsNone) {
  const linger reset = {.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(setsockopt(client_, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
  close(client_);
  client_ = -1;
  const int fd = accept(listener_, nullptr, nullptr);
  ASSERT_GE(fd, 0);
  pollfd gone = {.fd = fd, .events = 0, .revents = 0};
  ASSERT_EQ(poll(&gone, 1, -1), 1);  // the reset has come
  EXPECT_FALSE(PeerOf(fd));
  close(fd);
}

TEST(Peer, AtAUnixSocket) {
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  const std::optional<HttpPeer> peer = PeerOf(fds[0]);
  ASSERT_TRUE(peer);
  EXPECT_TRUE(peer->is_unix);
  EXPECT_EQ(peer->uid, getuid());
  EXPECT_EQ(peer->name, "uid " + std::to_string(getuid()) + ", pid " + std::to_string(getpid()));
  close(fds[0]);
  close(fds[1]);
}

}  // namespace
}  // namespace sluice::proxy
