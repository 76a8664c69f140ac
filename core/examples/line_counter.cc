// Line counter: one function that counts the lines of anything that can be read: a file, what a TCP
// server sends, a text in memory.
//
//     bazel run //core/examples:line_counter -- file /etc/services
//     bazel run //core/examples:line_counter -- tcp 127.0.0.1:8080
//     bazel run //core/examples:line_counter -- memory $'one\ntwo'
#include <fcntl.h>
#include <unistd.h>

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

// A stream is whatever has a Read like this one (core/bytes/async_stream.h). Reading a file blocks
// the thread that does it, so a thread of the pool for such calls does.
class BlockingFile {
 public:
  explicit BlockingFile(int fd) : fd_(fd) {}
  BlockingFile(const BlockingFile&) = delete;
  ~BlockingFile() { (void)close(fd_); }

  core::Task<core::IoResult<size_t>> Read(std::span<std::byte> bytes) {
    core::Outcome<ssize_t> got = co_await core::RunBlocking([this, bytes]() -> ssize_t {
      const ssize_t count = read(fd_, bytes.data(), bytes.size());
      return count < 0 ? -errno : count;
    });
    if (got.cancelled()) co_return core::IoError(ECANCELED);
    if (got.value() < 0) co_return core::IoError(static_cast<int>(-got.value()));
    co_return static_cast<size_t>(got.value());
  }

 private:
  const int fd_;
};
static_assert(core::AsyncRead<BlockingFile>);

core::Task<core::IoResult<size_t>> CountFile(std::string path) {
  core::Outcome<int> fd = co_await core::RunBlocking([&path] {
    const int opened = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    return opened < 0 ? -errno : opened;
  });
  if (fd.cancelled()) co_return core::IoError(ECANCELED);
  if (fd.value() < 0) co_return core::IoError(-fd.value());
  BlockingFile file(fd.value());
  co_return co_await CountLines(file);
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
