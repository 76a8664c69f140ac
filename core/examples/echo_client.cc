// Echo client: sends its arguments as lines, and prints what comes back until the server has said
// all. Both at the same time: a client that only sent would wait for ever once both sides' buffers
// are full.
//
//     bazel run //core/examples:echo_client -- 127.0.0.1:8080 hello "how are you"
#include <array>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/examples/backend_argument.h"
#include "core/sluice.h"

namespace core = sluice::core;

namespace {

core::Task<int> Send(core::WriteHalf<core::TcpStream> out, std::vector<std::string> lines) {
  for (const std::string& line : lines) {
    std::array parts = {std::as_bytes(std::span(line)),
                        std::as_bytes(std::span(std::string_view("\n")))};
    const core::Transferred sent = co_await core::WriteAll(out, std::span(parts));
    if (!sent.ok()) co_return sent.error();
  }
  co_return (co_await out.Shutdown()).error();
}

core::Task<int> Receive(core::ReadHalf<core::TcpStream> in) {
  core::BufReader reader(in);
  while (true) {
    core::IoResult<std::optional<std::string_view>> line = co_await reader.Line(65536);
    if (!line.ok() || !line->has_value()) co_return line.error();
    std::printf("%.*s\n", static_cast<int>((*line)->size()), (*line)->data());
  }
}

core::Task<int> Main(core::Address address, std::vector<std::string> lines) {
  core::NetResult<core::TcpStream> stream = co_await core::TcpStream::Connect(address);
  if (!stream.ok()) {
    std::fprintf(stderr, "%s\n", stream.message().c_str());
    co_return 1;
  }
  auto [in, out] = stream->Split();
  auto [sent, received] = co_await core::Join(Send(out, std::move(lines)), Receive(in));
  for (const int error : {sent, received}) {
    if (error == 0) continue;
    std::fprintf(stderr, "%s\n", stream->Error("talk to", error).message().c_str());
    co_return 1;
  }
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const core::Backend backend = BackendArgument(argc, argv);
  if (argc < 2) {
    std::fprintf(stderr, "usage: echo_client ADDRESS LINE...\n");
    return 2;
  }
  const auto address = core::Address::Parse(argv[1]);
  if (!address.ok()) {
    std::fprintf(stderr, "%s\n", std::string(address.status().message()).c_str());
    return 1;
  }
  return core::RunMain(Main(*address, {argv + 2, argv + argc}), {.backend = backend});
}
