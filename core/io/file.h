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
// also by ReadAt and WriteAt.
//
// Backends       On io_uring the kernel does it all. On epoll a thread of the blocking pool makes
//                each call (core/runtime/blocking_pool.h). What comes of it is the same.
// Cancellation   One that is cut short has moved nothing (ECANCELED), or says how much: a call that
//                has begun is waited for, as long as the disk takes, and its bytes are handed on.
//                The position has moved by what was told. An Open that is cut short opens nothing,
//                or brings the file; on epoll that of a named pipe waits for the other end.
// Memory         It is on loan until the co_await has ended, also when it was cut short.
// Together       Any number of ReadAt and WriteAt at once, and one Read or Write; several of these
//                at once would race for the position, which is checked.
// Close          At any time when nothing of it is in flight, which is checked; no co_await. An
//                error that comes late (a full disk, a network) is told by Sync, not by Close.
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
#include <utility>

#include "core/base/result.h"
#include "core/bytes/async_stream.h"
#include "core/bytes/done.h"
#include "core/io/named_result.h"
#include "core/io/read_write.h"
#include "core/task/task.h"

namespace sluice::core {

// What is in flight on a file.
struct FileUse {
  void Begin(bool at_position) {
    SLUICE_CHECK_USE(!at_position || !position_taken,
                     "two reads or writes of one file at its position at the same time: await the "
                     "first one before, or use ReadAt and WriteAt");
    position_taken = position_taken || at_position;
    ++calls;
  }
  void End(bool at_position) {
    if (at_position) position_taken = false;
    --calls;
  }
  void CheckIdle() const {
    SLUICE_CHECK_USE(calls == 0,
                     "a file is moved or goes while something of it is in flight: cancel that and "
                     "await its end before");
  }

  uint64_t position = 0;
  uint32_t calls = 0;
  bool position_taken = false;
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
        at_position_(offset == kAtPosition) {
    SLUICE_CHECK_USE(fd >= 0, "the file is closed");
    if (at_position_ && has_positions) this->op_.offset = static_cast<int64_t>(use.position);
  }
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    use_.Begin(at_position_);
    return Call::await_suspend(handle);
  }
  IoResult<size_t> await_resume() {
    use_.End(at_position_);
    IoResult<size_t> moved = Call::await_resume();
    if (moved.ok() && at_position_) use_.position += *moved;
    return moved;
  }

 private:
  FileUse& use_;
  const bool at_position_;
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

  // At least one byte, or 0 at the end. `bytes` is not empty.
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
    SLUICE_CHECK_USE(!use_.position_taken, "a read or a write at the position is in flight");
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
