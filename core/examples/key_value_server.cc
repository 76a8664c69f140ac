// Key-value server: speaks enough of Redis for redis-cli and redis-benchmark, and keeps all in
// memory.
//
//     bazel run //core/examples:key_value_server -- 127.0.0.1:6379
//     redis-cli -p 6379 set greeting hello ex 60
//
// One map that all clients share, under a lock of the thread: no command waits while it holds it,
// so each is whole for all others. (A lock that is held across a co_await is core::Mutex.)
#include <cerrno>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/examples/accept_loop.h"
#include "core/examples/arguments.h"
#include "core/examples/key_value_commands.h"
#include "core/examples/key_value_store.h"
#include "core/examples/resp.h"
#include "core/sluice.h"

namespace core = sluice::core;

namespace {

struct Shared {
  explicit Shared(size_t most_bytes) : store(most_bytes) {}
  std::mutex mutex;
  KeyValueStore store;  // under mutex
};

// The client as a stream to read from, which sends the answers that are ready before it waits: many
// commands that came together are answered by one write.
class Answers {
 public:
  explicit Answers(core::TcpStream client) : client_(std::move(client)) {}

  core::Task<core::IoResult<size_t>> Read(std::span<std::byte> bytes) {
    const core::IoResult<void> sent = co_await Flush();
    if (!sent.ok()) co_return core::IoError(sent.error());
    co_return co_await client_.Read(bytes);
  }
  // False: the client is gone.
  core::Task<bool> Add(std::string answer) {
    ready_ += answer;
    co_return ready_.size() < kMostReady || (co_await Flush()).ok();
  }
  core::Task<core::IoResult<void>> Flush() {
    const core::Transferred sent =
        co_await core::WriteAll(client_, std::as_bytes(std::span(ready_)));
    ready_.erase(0, sent.bytes());
    if (!sent.ok()) co_return core::IoError(sent.error());
    co_return core::IoResult<void>();
  }

 private:
  static constexpr size_t kMostReady = 65536;
  core::TcpStream client_;
  std::string ready_;
};

core::Task<void> Serve(core::TcpStream client, std::shared_ptr<Shared> shared) {
  Answers answers(std::move(client));
  core::BufReader reader(answers);
  while (true) {
    core::IoResult<std::optional<resp::Words>> words = co_await resp::ReadCommand(reader);
    if (!words.ok() && (words.error() == EPROTO || words.error() == core::kTooLarge)) {
      (void)co_await answers.Add(resp::Error("ERR Protocol error"));
      (void)co_await answers.Flush();
    }
    if (!words.ok() || !words->has_value()) co_return;
    if ((*words)->empty()) continue;  // an empty line
    std::string answer;
    {
      const std::lock_guard lock(shared->mutex);
      answer = commands::Answer(shared->store, **words, core::Now());
    }
    if (!co_await answers.Add(std::move(answer))) co_return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv, "key_value_server [ADDRESS] [--megabytes=N]");
  const AcceptOptions options{.address = arguments.AddressAt(0, "127.0.0.1:6379"),
                              .patience = core::Duration(0)};
  auto shared = std::make_shared<Shared>(size_t{arguments.Number("megabytes", 64)} << 20);
  // Between two commands nothing of a client is unfinished: at the end they are cancelled at once.
  auto serve = [shared](core::TcpStream client) { return Serve(std::move(client), shared); };
  return core::RunMain(AcceptLoop(options, serve, [] {}), arguments.Runtime(/*most_words=*/1));
}
