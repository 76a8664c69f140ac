// TcpListener and UnixListener: who arrives, what is in use, files, errors that pass.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/runtime/runtime.h"
#include "core/task/select.h"
#include "core/task/yield.h"
#include "tests/core/io/pairs.h"
#include "tests/core/support/backends.h"

namespace sluice::core::testing {
namespace {

class ListenerTest : public BackendTest {
 protected:
  void Run(Task<void> task) { Runtime(Options()).BlockOn(std::move(task)); }
};
SLUICE_ON_EVERY_BACKEND(ListenerTest);

Task<void> InUseMain() {
  NetResult<TcpListener> first = TcpListener::Bind(AnyPort());
  EXPECT_TRUE(first.ok()) << first.message();
  const NetResult<TcpListener>& constant = first;
  EXPECT_EQ((*constant).local(), constant->local());
  const NetResult<TcpListener> second = TcpListener::Bind(first->local());
  EXPECT_EQ(second.message(),
            absl::StrCat("listen on ", first->local().ToString(), ": Address already in use"));
  EXPECT_EQ(second.error(), EADDRINUSE);
  EXPECT_EQ(first->Error("accept", EMFILE).message(),
            absl::StrCat("accept ", first->local().ToString(), ": Too many open files"));
  const Address address = first->local();
  TcpListener moved(std::move(*first));
  EXPECT_TRUE(moved.is_open());
  auto [client, server] = co_await Join(TcpStream::Connect(address), AcceptFrom(moved));
  EXPECT_TRUE(client.ok() && server.ok());
  EXPECT_EQ(client->local(), server->peer());
  moved.Close();
  EXPECT_FALSE(moved.is_open());
}
TEST_P(ListenerTest, AnAddressInUse) { Run(InUseMain()); }

// In one run of the task, also behind an accept that was cut short.
template <typename Listener>
Task<void> BoundAgainMain(Address address) {
  NetResult<Listener> first = Listener::Bind(address);
  EXPECT_TRUE(first.ok()) << first.message();
  Listener listener = std::move(*first);
  address = listener.local();
  for (int i = 0; i < 20; ++i) {
    if (i % 2 == 0) {
      auto cut = co_await Select(listener.Accept(), Yield());
      EXPECT_EQ(cut.template Get<0>().error(), ECANCELED);
    }
    listener.Close();
    NetResult<Listener> again = Listener::Bind(address);
    EXPECT_TRUE(again.ok()) << again.message();
    if (!again.ok()) co_return;
    listener = std::move(*again);
  }
}
TEST_P(ListenerTest, AnAddressIsFreeWhenItsListenerIsClosedTcp) {
  Run(BoundAgainMain<TcpListener>(AnyPort()));
}
TEST_P(ListenerTest, AnAddressIsFreeWhenItsListenerIsClosedUnix) {
  Run(BoundAgainMain<UnixListener>(
      *Address::Parse(absl::StrCat("unix:@sluice-listener-test-", getpid()))));
}

Task<void> Ipv6Main() {
  NetResult<TcpListener> listener = TcpListener::Bind(*Address::Parse("[::1]:0"));
  EXPECT_TRUE(listener.ok()) << listener.message();
  auto [client, server] =
      co_await Join(TcpStream::Connect(listener->local()), AcceptFrom(*listener));
  EXPECT_TRUE(client.ok() && server.ok());
  EXPECT_EQ(client->peer(), listener->local());
}
TEST_P(ListenerTest, Ipv6) { Run(Ipv6Main()); }

Task<void> PathMain(std::string path) {
  const Address address = Address::UnixPath(path);
  NetResult<UnixListener> listener = UnixListener::Bind(address);
  EXPECT_TRUE(listener.ok()) << listener.message();
  EXPECT_EQ(UnixListener::Bind(address).error(), EADDRINUSE);
  EXPECT_EQ(listener->local(), address);
  auto [client, server] =
      co_await Join(UnixStream::Connect(listener->local()), AcceptFrom(*listener));
  EXPECT_TRUE(client.ok() && server.ok());
  EXPECT_EQ(*co_await client->Write(BytesOf("hello")), 5u);
  client->Close();
  EXPECT_EQ(co_await ReadAll(*server), "hello");
  struct stat file;
  EXPECT_EQ(stat(path.c_str(), &file), 0);
  UnixListener moved(std::move(*listener));
  EXPECT_EQ(stat(path.c_str(), &file), 0);
  moved.Close();
  EXPECT_EQ(stat(path.c_str(), &file), -1);
  EXPECT_EQ((co_await UnixStream::Connect(address)).error(), ENOENT);
}
TEST_P(ListenerTest, AFileGoesWithItsListener) {
  std::string path = "/tmp/sluice-door-XXXXXX";  // TEST_TMPDIR is too long for an address
  ASSERT_NE(mkdtemp(path.data()), nullptr);
  Run(PathMain(path + "/socket"));
  EXPECT_EQ(rmdir(path.c_str()), 0);
}

// The limit is that of the process: the test has one to itself for a moment.
Task<void> NoDescriptorsMain() {
  NetResult<TcpListener> listener = TcpListener::Bind(AnyPort());
  EXPECT_TRUE(listener.ok());
  NetResult<TcpStream> client = co_await TcpStream::Connect(listener->local());
  EXPECT_TRUE(client.ok());
  rlimit before;
  EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none = {.rlim_cur = 3, .rlim_max = before.rlim_max};
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const IoResult<TcpStream> failed = co_await listener->Accept();
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(failed.error(), EMFILE);
  EXPECT_TRUE((co_await listener->Accept()).ok());
}
TEST_P(ListenerTest, WithoutDescriptorsItIsAnErrorThatPasses) { Run(NoDescriptorsMain()); }

}  // namespace
}  // namespace sluice::core::testing
