#include "core/log/line_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::core {
namespace {

constexpr size_t kFilePiece = 65536;
constexpr size_t kPipePiece = PIPE_BUF;  // the kernel takes up to this whole or not at all

uint64_t CountLines(std::string_view text) {
  return static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

// As many whole lines as fit into `limit`, at least one.
std::string_view FirstLines(std::string_view lines, size_t limit) {
  if (lines.size() <= limit) return lines;
  size_t end = lines.rfind('\n', limit - 1);
  if (end == std::string_view::npos) end = lines.find('\n');
  return lines.substr(0, end + 1);
}

// The process that wrote to the file before may have been ended within a line.
int EndLastLine(int fd) {
  const std::string path = absl::StrCat("/proc/self/fd/", fd);
  const int reader = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (reader < 0) return 0;  // may be written but not read: then there is no way to tell
  char last = '\n';
  const off_t size = lseek(reader, 0, SEEK_END);
  if (size > 0) (void)!pread(reader, &last, 1, size - 1);
  close(reader);
  return last == '\n' || write(fd, "\n", 1) == 1 ? 0 : errno;
}

int StandardDescriptor(std::string_view word) {
  if (word == "stdout") return STDOUT_FILENO;
  return word == "stderr" ? STDERR_FILENO : -1;
}

bool IsWritable(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_RDONLY;
}

// The inherited descriptor of what `info` tells of, or -1.
int FindInherited(const struct stat& info) {
  constexpr int kMost = 1024;
  for (int fd = 0; fd < kMost; ++fd) {
    const int flags = fcntl(fd, F_GETFD);
    struct stat other;
    if (flags < 0 || (flags & FD_CLOEXEC) != 0 || fstat(fd, &other) != 0) continue;
    if (other.st_dev == info.st_dev && other.st_ino == info.st_ino && IsWritable(fd)) return fd;
  }
  return -1;
}

}  // namespace

LineSink::LineSink(std::string path, int stop_fd)
    : path_(std::move(path)), standard_(StandardDescriptor(path_)), stop_fd_(stop_fd) {}

LineSink::~LineSink() {
  if (owned_) close(fd_);
}

LineSink::Outcome LineSink::Reopen() {
  Outcome outcome;
  if (standard_ >= 0 && fd_ >= 0) return outcome;
  if (fd_ >= 0 && !torn_.empty()) (void)WriteTornRest(outcome);
  reopen_ = true;
  outcome.error = Open();
  outcome.dropped += torn_.empty() || reopen_ ? 0 : 1;
  if (!reopen_) torn_.clear();
  return outcome;
}

LineSink::Outcome LineSink::Finish() {
  Outcome outcome;
  if (fd_ >= 0 && !torn_.empty()) (void)WriteTornRest(outcome);
  outcome.dropped += torn_.empty() ? 0 : 1;
  torn_.clear();
  return outcome;
}

LineSink::Outcome LineSink::Write(std::string_view lines) {
  Outcome outcome;
  if (reopen_ && !lines.empty()) outcome = Reopen();
  while (!lines.empty()) {
    const std::string_view piece = FirstLines(lines, PieceSize());
    lines.remove_prefix(piece.size());
    WritePiece(piece, outcome);
  }
  return outcome;
}

int LineSink::Open() {
  if (standard_ >= 0) {
    if (!IsWritable(standard_)) return EBADF;
    Use(standard_, false);
    return 0;
  }
  // Not blocking: a FIFO without a reader is an error.
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  int fd = open(path_.c_str(), kFlags, 0640);
  struct stat status;
  if (fd < 0) {
    const int error = errno;
    if (stat(path_.c_str(), &status) != 0) return error;
    fd = FindInherited(status);
    if (fd < 0) return error == ENXIO && S_ISSOCK(status.st_mode) ? kIsSocket : error;
    Use(fd, false);
    return 0;
  }
  const bool has_lines = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
  if (const int error = has_lines ? EndLastLine(fd) : 0) {
    close(fd);
    return error;
  }
  Use(fd, true);
  return 0;
}

void LineSink::Use(int fd, bool owned) {
  if (owned_) close(fd_);
  fd_ = fd;
  owned_ = owned;
  reopen_ = false;
  struct stat status;
  int type = 0;
  socklen_t size = sizeof(type);
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    kind_ = Kind::kFile;
  } else if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    kind_ = Kind::kPipe;
  } else {
    kind_ = type == SOCK_STREAM ? Kind::kStream : Kind::kDatagram;
  }
}

size_t LineSink::PieceSize() const {
  if (kind_ == Kind::kDatagram) return 1;  // a line
  return kind_ == Kind::kFile ? kFilePiece : kPipePiece;
}

// The FIFO has no reader any more. What is in it goes with it, unless others keep it open.
void LineSink::Close(Outcome& outcome) {
  outcome.dropped += torn_.empty() ? 0 : 1;
  torn_.clear();
  if (owned_) close(fd_);
  owned_ = false;
  fd_ = -1;
  reopen_ = true;
}

bool LineSink::WriteTornRest(Outcome& outcome) {
  torn_.erase(0, Put(torn_, outcome.error));
  if (!torn_.empty()) return false;
  ++outcome.written;
  return true;
}

void LineSink::WritePiece(std::string_view piece, Outcome& outcome) {
  size_t done = 0;
  if (fd_ >= 0 && (torn_.empty() || WriteTornRest(outcome))) done = Put(piece, outcome.error);
  outcome.written += CountLines(piece.substr(0, done));
  std::string_view rest = piece.substr(done);
  if (done > 0 && piece[done - 1] != '\n') {
    torn_ = rest.substr(0, rest.find('\n') + 1);
    rest.remove_prefix(torn_.size());
  }
  outcome.dropped += CountLines(rest);
  if (fd_ >= 0 && outcome.error == EPIPE) Close(outcome);
}

// Writes `text` until an error, and returns how much.
size_t LineSink::Put(std::string_view text, int& error) {
  size_t done = 0;
  while (done < text.size()) {
    if (kind_ != Kind::kFile && !WaitUntilWritable()) {
      error = ECANCELED;
      break;
    }
    const ssize_t bytes = WriteOnce(text.substr(done));
    if (bytes > 0) {
      done += static_cast<size_t>(bytes);
    } else if (bytes == 0 || (errno != EINTR && errno != EAGAIN)) {
      error = bytes == 0 ? EIO : errno;
      break;
    }
  }
  return done;
}

ssize_t LineSink::WriteOnce(std::string_view text) {
  const bool is_socket = kind_ == Kind::kStream || kind_ == Kind::kDatagram;
  if (is_socket) return send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return write(fd_, text.data(), text.size());
}

// False: stopped. A descriptor with an error is writable: write(2) tells.
bool LineSink::WaitUntilWritable() {
  pollfd fds[] = {{fd_, POLLOUT, 0}, {stop_fd_, POLLIN, 0}};
  while (poll(fds, 2, -1) < 0 && errno == EINTR) {
  }
  return fds[0].revents != 0;
}

}  // namespace sluice::core
