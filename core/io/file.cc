#include "core/io/file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/io/stream_socket.h"
#include "core/runtime/blocking_pool.h"
#include "core/task/outcome.h"

namespace sluice::core {
namespace {

// A system call that may wait, by a thread of the pool: 0 or an errno.
template <typename Call>
Task<int> ErrorOf(Call call) {
  Outcome<int> outcome = co_await RunBlocking([&call] {
    int result;
    do {
      result = call();
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
  });
  if (outcome.cancelled()) co_return ECANCELED;
  co_return outcome.has_value() ? outcome.value() : EAGAIN;  // no thread can be started
}

// While a call of another kind is in flight.
class UseHold {
 public:
  explicit UseHold(FileUse& use) : use_(use) { use_.Begin(FilePart::kNone); }
  UseHold(const UseHold&) = delete;
  UseHold& operator=(const UseHold&) = delete;
  ~UseHold() { use_.End(FilePart::kNone); }

 private:
  FileUse& use_;
};

}  // namespace

File::File(int fd, std::string path)
    : fd_(fd), has_positions_(lseek(fd, 0, SEEK_CUR) >= 0), path_(std::move(path)) {}

File& File::operator=(File&& other) noexcept {
  if (this == &other) return *this;
  Close();
  fd_ = other.Release();
  has_positions_ = other.has_positions_;
  use_ = other.use_;
  path_ = std::move(other.path_);
  return *this;
}

Task<NamedResult<File>> File::Open(std::string path, int flags, mode_t mode) {
  IoResult<int> fd = co_await OpenAt(AT_FDCWD, path.c_str(), flags, mode);
  if (!fd.ok()) {
    co_return NamedError{(flags & O_CREAT) != 0 ? "create" : "open", std::move(path), fd.error()};
  }
  co_return File(*fd, std::move(path));
}

FileWrite File::WriteMany(std::span<const std::span<const std::byte>> parts) {
  const auto first = std::ranges::find_if(parts, [](const auto& part) { return !part.empty(); });
  return Write(first == parts.end() ? std::span<const std::byte>() : *first);
}

Task<IoResult<uint64_t>> File::Size() {
  const UseHold hold(use_);
  struct stat about = {};
  const int error = co_await ErrorOf([fd = fd_, &about] { return fstat(fd, &about); });
  if (error != 0) co_return IoError(error);
  co_return static_cast<uint64_t>(about.st_size);
}

Task<IoResult<void>> File::Sync() {
  const UseHold hold(use_);
  const int error = co_await ErrorOf([fd = fd_] { return fsync(fd); });
  if (error != 0) co_return IoError(error);
  co_return IoResult<void>();
}

void File::Close() {
  if (const int fd = Release(); fd >= 0) CloseDescriptor(fd);
}

}  // namespace sluice::core
