// File: a file on a disk, or whatever else a path names.
//
//     NamedResult<File> file = co_await File::Open("/etc/motd");
//     if (!file.ok()) co_return Fail(file.message());   // "open /etc/motd: Permission denied"
//     BufReader reader(*file, /*first=*/65536);
//     auto line = co_await reader.Line(/*most=*/4096);
//
//     NamedResult<File> log = co_await File::Create("out");       // made, or emptied
//     co_await WriteAll(*log, bytes);
//     IoResult<void> safe = co_await log->Sync();                 // it is on the disk
//     if (!safe.ok()) co_return Fail(log->Error("sync", safe.error()).message());
//
//   CLOSED ── Open, Create ──► OPEN ── destructor, Close, moved from ──► CLOSED
//
// Read and Write go on at a position of the object's own, which begins at 0, and ReadAt and WriteAt
// leave alone. What has no positions (a named pipe, a terminal) is read and written as it comes,
// also by ReadAt and WriteAt. An Open of a named pipe waits for the other end.
//
// Backends       On io_uring the kernel does it all. On epoll a thread of the blocking pool makes
//                each call (core/runtime/blocking_pool.h). What comes of it is the same.
// Cancellation   One that is cut short has moved nothing (ECANCELED), or says how much: a call that
//                has begun is waited for, as long as the disk takes, and its bytes are handed on.
//                The position has moved by what was told. An Open that is cut short opens nothing,
//                or brings the file; on epoll one that waits for the other end of a named pipe goes
//                on waiting.
// Memory         It is on loan until the co_await has ended, also when it was cut short.
// Together       Any number of ReadAt and WriteAt at once, and one Read or Write; several of these
//                at once would race for the position, which is checked. Of what has no positions
//                one read of either kind and one write. 512 calls that wait (a disk that does not
//                answer, opens of named pipes) keep others from beginning: on io_uring those of the
//                same worker, on epoll as BlockingOptions::threads says.
// Close          At any time when nothing of it is in flight, which is checked; no co_await. An
//                error that comes late (a full disk, a network) is told by Sync, not by Close. As
//                that may take long the kernel does it with the worker's next turn (io_uring): a
//                program that is written and started at once may be busy still (ETXTBSY).
//
// Threads: one task at a time. Checked by: tests/core/io/file_test.cc (io_uring and epoll).
#ifndef SLUICE_CORE_IO_FILE_H_
#define SLUICE_CORE_IO_FILE_H_

#include <fcntl.h>
#include <sys/types.h>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/base/result.h"
#include "core/bytes/async_stream.h"
#include "core/bytes/done.h"
#include "core/io/named_result.h"
#include "core/io/read_write.h"
#include "core/task/task.h"

namespace sluice::core {

// What only one call of a file has at a time: the position; of a file without positions a
// direction.
enum class FilePart : uint8_t { kNone, kPosition, kIn, kOut };

// What is in flight on a file.
struct FileUse {
  void Begin(FilePart part) {
    const uint8_t bit = BitOf(part);
    SLUICE_CHECK_USE(part != FilePart::kPosition || (taken & bit) == 0,
                     "two reads or writes of one file at its position at the same time: await the "
                     "first one before, or use ReadAt and WriteAt");
    SLUICE_CHECK_USE((taken & bit) == 0,
                     "two reads of a file that has no positions at the same time, or two writes: "
                     "await the first one before");
    taken |= bit;
    ++calls;
  }
  void End(FilePart part) {
    taken &= static_cast<uint8_t>(~BitOf(part));
    --calls;
  }
  bool IsTaken(FilePart part) const { return (taken & BitOf(part)) != 0; }
  void CheckIdle() const {
    SLUICE_CHECK_USE(calls == 0,
                     "a file is moved or goes while something of it is in flight: cancel that and "
                     "await its end before");
  }

  static uint8_t BitOf(FilePart part) {
    return part == FilePart::kNone ? 0 : static_cast<uint8_t>(1U << static_cast<uint8_t>(part));
  }

  uint64_t position = 0;
  uint32_t calls = 0;
  uint8_t taken = 0;  // of each FilePart a bit
};

// A read or a write of a file, by `Call`.
template <typename Call>
class [[nodiscard]] FileCall final : private Call {
 public:
  // `offset`: kAtPosition for the file's own.
  template <typename Bytes>
  FileCall(int fd, Bytes bytes, int64_t offset, bool has_positions, FileUse& use)
      : Call(fd, bytes, has_positions ? offset : kAtPosition),
        use_(use),
        at_position_(offset == kAtPosition),
        part_(!has_positions ? kDirection
              : at_position_ ? FilePart::kPosition
                             : FilePart::kNone) {
    SLUICE_CHECK_USE(fd >= 0, "the file is closed");
  }
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    use_.Begin(part_);
    if (part_ == FilePart::kPosition) this->op_.offset = static_cast<int64_t>(use_.position);
    return Call::await_suspend(handle);
  }
  IoResult<size_t> await_resume() {
    use_.End(part_);
    IoResult<size_t> moved = Call::await_resume();
    if (moved.ok() && at_position_) use_.position += *moved;
    return moved;
  }

 private:
  static constexpr FilePart kDirection =
      std::is_same_v<Call, ReadInto> ? FilePart::kIn : FilePart::kOut;

  FileUse& use_;
  const bool at_position_;
  const FilePart part_;
};
using FileRead = FileCall<ReadInto>;
using FileWrite = FileCall<WriteFrom>;

class File {
 public:
  File() = default;
  File(File&& other) noexcept
      : fd_(other.Release()),
        has_positions_(other.has_positions_),
        use_(other.use_),
        path_(std::move(other.path_)) {}
  File& operator=(File&& other) noexcept;
  ~File() { Close(); }

  // `flags` as open(2) has them; `mode` of a file that it makes (less the umask).
  static Task<NamedResult<File>> Open(std::string path, int flags = O_RDONLY, mode_t mode = 0666);
  // For reading and writing; emptied if it exists.
  static Task<NamedResult<File>> Create(std::string path, mode_t mode = 0666) {
    return Open(std::move(path), O_RDWR | O_CREAT | O_TRUNC, mode);
  }

  // At least one byte, or 0 at the end. `bytes` is not empty. From where the file is when this is
  // awaited, not when it is made; so does Write.
  FileRead Read(std::span<std::byte> bytes) { return Make<FileRead>(bytes, kAtPosition); }
  FileRead ReadAt(std::span<std::byte> bytes, uint64_t offset) {
    return Make<FileRead>(bytes, static_cast<int64_t>(offset));
  }
  // At least one byte, unless `bytes` is empty; perhaps not all. With O_APPEND at the end always.
  FileWrite Write(std::span<const std::byte> bytes) { return Make<FileWrite>(bytes, kAtPosition); }
  FileWrite WriteAt(std::span<const std::byte> bytes, uint64_t offset) {
    return Make<FileWrite>(bytes, static_cast<int64_t>(offset));
  }
  // The first part that has bytes.
  FileWrite WriteMany(std::span<const std::span<const std::byte>> parts);
  // Does nothing: a file has no other end.
  Done<IoResult<void>> Shutdown() { return Done(IoResult<void>()); }

  uint64_t position() const { return use_.position; }
  void Seek(uint64_t position) {
    SLUICE_CHECK_USE(!use_.IsTaken(FilePart::kPosition),
                     "a read or a write at the position is in flight");
    use_.position = position;
  }

  // By a thread of the blocking pool.
  Task<IoResult<uint64_t>> Size();
  // What has been written is on the disk.
  Task<IoResult<void>> Sync();

  void Close();

  const std::string& path() const { return path_; }
  // What failed: "read /etc/motd: Input/output error"; `operation` is a literal.
  NamedError Error(std::string_view operation, int error) const {
    return NamedError{operation, path_, error};
  }
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

 private:
  File(int fd, std::string path);
  template <typename Call, typename Bytes>
  Call Make(Bytes bytes, int64_t offset) {
    return Call(fd_, bytes, offset, has_positions_, use_);
  }
  int Release() {
    use_.CheckIdle();
    return std::exchange(fd_, -1);
  }

  int fd_ = -1;
  bool has_positions_ = true;
  FileUse use_;
  std::string path_;
};
static_assert(AsyncStream<File>);

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_FILE_H_
