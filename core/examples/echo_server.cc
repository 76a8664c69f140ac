// Echo server: sends each line back, to any number of clients at once. Ctrl-C ends it.
//
//     bazel run //core/examples:echo_server -- 127.0.0.1:8080
#include <cerrno>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/examples/arguments.h"
#include "core/sluice.h"

namespace core = sluice::core;
using std::chrono_literals::operator""ms;

namespace {

constexpr size_t kLongestLine = 65536;

// One task for each client. A line that is too long, an error and the end all end it; the stream
// closes when it goes.
core::Task<void> Serve(core::TcpStream client) {
  core::BufReader reader(client);
  while (true) {
    core::IoResult<std::optional<std::string_view>> line = co_await reader.Line(kLongestLine);
    if (!line.ok() || !line->has_value()) co_return;
    const std::string answer = std::string(**line) + "\n";
    if (!(co_await core::WriteAll(client, std::as_bytes(std::span(answer)))).ok()) co_return;
  }
}

core::Task<int> Main(core::Address address) {
  core::NetResult<core::TcpListener> listener = core::TcpListener::Bind(address);
  if (!listener.ok()) {
    std::fprintf(stderr, "%s\n", listener.message().c_str());
    co_return 1;
  }
  std::printf("listening on %s\n", listener->local().ToString().c_str());
  std::fflush(stdout);
  while (true) {
    core::IoResult<core::TcpStream> client = co_await listener->Accept();
    if (client.ok()) {
      core::Spawn(Serve(std::move(*client))).Detach();
    } else if (client.error() == ECANCELED) {
      co_return 0;  // RunMain cancels the clients that are left, and waits for them
    } else {
      std::fprintf(stderr, "%s\n", listener->Error("accept", client.error()).message().c_str());
      (void)co_await core::Sleep(100ms);  // there will be descriptors again
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv, "echo_server [ADDRESS]");
  const core::Address address = arguments.AddressAt(0, "127.0.0.1:8080");
  return core::RunMain(Main(address), arguments.Runtime(/*most_words=*/1));
}
