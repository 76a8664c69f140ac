// Line counter: one function that counts the lines of anything that can be read: a file, what a TCP
// server sends, a text in memory.
//
//     bazel run //core/examples:line_counter -- file /etc/services
//     bazel run //core/examples:line_counter -- tcp 127.0.0.1:8080
//     bazel run //core/examples:line_counter -- memory $'one\ntwo'

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/examples/backend_argument.h"
#include "core/sluice.h"

namespace core = sluice::core;

namespace {

constexpr size_t kLongestLine = 1 << 20;

template <core::AsyncRead Stream>
core::Task<core::IoResult<size_t>> CountLines(Stream& stream) {
  core::BufReader reader(stream, 16384);
  size_t lines = 0;
  while (true) {
    core::IoResult<std::optional<std::string_view>> line = co_await reader.Line(kLongestLine);
    if (!line.ok()) co_return core::IoError(line.error());
    if (!line->has_value()) co_return lines;
    ++lines;
  }
}

core::Task<core::IoResult<size_t>> CountFile(std::string path) {
  core::NamedResult<core::File> file = co_await core::File::Open(path);
  if (!file.ok()) co_return core::IoError(file.error());
  co_return co_await CountLines(*file);
}

core::Task<core::IoResult<size_t>> CountTcp(std::string server) {
  const auto address = core::Address::Parse(server);
  if (!address.ok()) co_return core::IoError(EINVAL);
  core::NetResult<core::TcpStream> stream = co_await core::TcpStream::Connect(*address);
  if (!stream.ok()) co_return core::IoError(stream.error());
  co_return co_await CountLines(*stream);
}

core::Task<core::IoResult<size_t>> CountMemory(std::string text) {
  core::SpanReader reader(std::as_bytes(std::span(text)));
  co_return co_await CountLines(reader);
}

core::Task<core::IoResult<size_t>> Count(std::string_view kind, std::string what) {
  if (kind == "file") return CountFile(std::move(what));
  if (kind == "tcp") return CountTcp(std::move(what));
  return CountMemory(std::move(what));
}

core::Task<int> Main(std::string kind, std::string what) {
  core::IoResult<size_t> lines = co_await Count(kind, what);
  if (!lines.ok()) {
    std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(lines.error()));
    co_return 1;
  }
  std::printf("%zu lines\n", *lines);
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const core::Backend backend = BackendArgument(argc, argv);
  const std::string_view kind = argc == 3 ? argv[1] : "";
  if (kind != "file" && kind != "tcp" && kind != "memory") {
    std::fprintf(stderr, "usage: line_counter file PATH | tcp ADDRESS | memory TEXT\n");
    return 2;
  }
  return core::RunMain(Main(argv[1], argv[2]), {.backend = backend});
}
