// Rows of files, lines, frames and streams.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <optional>
#include <ranges>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "core/bench/row.h"

namespace sluice::bench {
namespace {

using core::IoResult;
using core::Task;
using core::TcpListener;
using core::TcpStream;

constexpr size_t kPiece = 64 << 10;
constexpr size_t kFile = 16 << 20;
constexpr size_t kLine = 64;            // bytes, with its end
constexpr size_t kLinesOfBlock = 1024;  // what is written at once
constexpr size_t kFrame = 64;
constexpr size_t kReadAhead = 8192;

// A file that goes with this object; written by calls that wait, before anything is measured.
class BigFile {
 public:
  BigFile() {
    const int fd = mkstemp(path_.data());
    const std::vector<char> bytes(kFile, 'x');
    if (fd < 0 || write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(kFile)) {
      throw std::system_error(errno, std::generic_category(), path_);
    }
    close(fd);
  }
  BigFile(const BigFile&) = delete;
  BigFile& operator=(const BigFile&) = delete;
  ~BigFile() { unlink(path_.c_str()); }

  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/sluice-rows-XXXXXX";
};

// So many times 64 KiB, from the page cache.
Task<uint64_t> FileRead64K(Run& run) {
  const BigFile big;
  core::NamedResult<core::File> file = co_await core::File::Open(big.path());
  std::vector<std::byte> bytes(kPiece);
  uint64_t done = 0;
  run.Begin();
  for (uint64_t i = 0; i < run.count(); ++i) {
    const core::Transferred got = co_await core::ReadExact(*file, bytes);
    if (!got.ok()) break;
    done += got.bytes();
    if (file->position() == kFile) file->Seek(0);
  }
  run.End();
  co_return done;
}

struct Connection {
  TcpStream client;
  TcpStream server;
};

Task<Connection> Connected() {
  core::NetResult<TcpListener> listener = TcpListener::Bind(*core::Address::Parse("127.0.0.1:0"));
  core::NetResult<TcpStream> client = co_await TcpStream::Connect(listener->local());
  IoResult<TcpStream> server = co_await listener->Accept();
  (void)server->SetNoDelay(true);
  co_return Connection{std::move(*client), std::move(*server)};
}

Task<void> WriteLines(TcpStream given, uint64_t count) {
  TcpStream stream = std::move(given);
  std::vector<std::byte> block(kLine * kLinesOfBlock, std::byte{'x'});
  for (size_t i = kLine - 1; i < block.size(); i += kLine) block[i] = std::byte{'\n'};
  while (count > 0) {
    const uint64_t some = std::min<uint64_t>(count, kLinesOfBlock);
    const auto bytes = std::span<const std::byte>(block).first(some * kLine);
    if (!(co_await core::WriteAll(stream, bytes)).ok()) co_return;
    count -= some;
  }
}

// Lines through a connection; their bytes without the ends.
Task<uint64_t> Lines(Run& run) {
  Connection connection = co_await Connected();
  core::BufReader reader(connection.server, kReadAhead);
  uint64_t done = 0;
  run.Begin();
  core::Spawn(WriteLines(std::move(connection.client), run.count())).Detach();
  while (true) {
    auto line = co_await reader.Line(/*most=*/4096);
    if (!line.ok() || !line->has_value()) break;
    done += (*line)->size();
  }
  run.End();
  co_return done;
}

Task<void> SendFrames(TcpStream given, uint64_t count) {
  TcpStream stream = std::move(given);
  core::FrameWriter writer(stream, kPiece);
  const std::array<std::byte, kFrame> bytes{};
  for (uint64_t i = 0; i < count; ++i) {
    if (!(co_await writer.Feed(bytes)).ok()) co_return;
  }
  (void)co_await writer.Flush();
}

// Frames through a connection, sent when there are some; their bytes without the headers.
Task<uint64_t> Frames(Run& run) {
  Connection connection = co_await Connected();
  core::BufReader reader(connection.server, kReadAhead);
  core::FrameReader frames(reader, kPiece);
  uint64_t done = 0;
  run.Begin();
  core::Spawn(SendFrames(std::move(connection.client), run.count())).Detach();
  while (true) {
    auto frame = co_await frames.Next();
    if (!frame.ok() || !frame->has_value()) break;
    done += (*frame)->size();
  }
  run.End();
  co_return done;
}

Task<void> EchoFrames(TcpStream given) {
  TcpStream stream = std::move(given);
  core::BufReader reader(stream, kReadAhead);
  core::FrameReader frames(reader, kPiece);
  core::FrameWriter writer(stream, kPiece);
  while (true) {
    auto frame = co_await frames.Next();
    if (!frame.ok() || !frame->has_value()) co_return;
    if (!(co_await writer.Send(**frame)).ok()) co_return;
  }
}

// A frame there and back, each sent at once.
Task<uint64_t> FrameEcho(Run& run) {
  Connection connection = co_await Connected();
  core::Spawn(EchoFrames(std::move(connection.server))).Detach();
  core::BufReader reader(connection.client, kReadAhead);
  core::FrameReader frames(reader, kPiece);
  core::FrameWriter writer(connection.client, kPiece);
  const std::array<std::byte, kFrame> bytes{};
  uint64_t done = 0;
  run.Begin();
  for (uint64_t i = 0; i < run.count(); ++i) {
    if (!(co_await writer.Send(bytes)).ok()) break;
    auto frame = co_await frames.Next();
    if (!frame.ok() || !frame->has_value()) break;
    done += (*frame)->size();
  }
  run.End();
  co_return done;
}

Task<uint64_t> AfterYield(uint64_t number) {
  co_await core::Yield();
  co_return number;
}

// Ten calls at a time, each of which lets others run once.
Task<uint64_t> BufferUnordered10(Run& run) {
  run.Begin();
  const uint64_t sum =
      co_await (core::ToStream(std::views::iota(uint64_t{0}, run.count())) |
                core::BufferUnordered(10, AfterYield) | core::Fold(uint64_t{0}, std::plus<>()));
  run.End();
  co_return sum;
}

constexpr auto kRows = std::to_array<Row>({
    {"file_read_64k", Kind::kOne, 4'000, InTask<FileRead64K>},
    {"lines", Kind::kOne, 500'000, InTask<Lines>},
    {"frames", Kind::kOne, 500'000, InTask<Frames>},
    {"frame_echo", Kind::kOne, 10'000, InTask<FrameEcho>},
    {"buffer_unordered_10", Kind::kOne, 200'000, InTask<BufferUnordered10>},
});

}  // namespace

std::span<const Row> StreamRows() { return kRows; }

}  // namespace sluice::bench
