#include "core/line_sink.h"

#include <fcntl.h>
#include <poll.h>
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

// Whoever wrote to the file before may have been ended within a line.
int EndLastLine(int fd) {
  const std::string path = absl::StrCat("/proc/self/fd/", fd);
  const int reader = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (reader < 0) return 0;  // may be written but not read: then nobody can tell
  char last = '\n';
  const off_t size = lseek(reader, 0, SEEK_END);
  if (size > 0) (void)!pread(reader, &last, 1, size - 1);
  close(reader);
  return last == '\n' || write(fd, "\n", 1) == 1 ? 0 : errno;
}

}  // namespace

LineSink::LineSink(std::string path, int stop_fd)
    : path_(std::move(path)), stderr_(path_ == "stderr"), stop_fd_(stop_fd) {}

LineSink::~LineSink() {
  if (fd_ >= 0 && !stderr_) close(fd_);
}

LineSink::Outcome LineSink::Reopen() {
  Outcome outcome;
  if (stderr_ && fd_ >= 0) return outcome;
  if (fd_ >= 0 && !torn_.empty()) (void)WriteTornRest(outcome);
  reopen_ = true;
  outcome.error = Open();
  outcome.dropped += torn_.empty() || reopen_ ? 0 : 1;
  if (!reopen_) torn_.clear();
  return outcome;
}

LineSink::Outcome LineSink::Write(std::string_view lines) {
  Outcome outcome;
  if (reopen_ && !lines.empty()) outcome = Reopen();
  while (!lines.empty()) {
    const std::string_view piece = FirstLines(lines, regular_ ? kFilePiece : kPipePiece);
    lines.remove_prefix(piece.size());
    WritePiece(piece, outcome);
  }
  return outcome;
}

int LineSink::Open() {
  int fd = STDERR_FILENO;
  if (!stderr_) {
    // Not blocking: a FIFO that nobody reads is an error.
    constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    fd = open(path_.c_str(), kFlags, 0640);
    if (fd < 0) return errno;
  }
  struct stat status;
  const bool regular = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  if (!stderr_) {
    if (const int error = regular && status.st_size > 0 ? EndLastLine(fd) : 0) {
      close(fd);
      return error;
    }
    if (fd_ >= 0) close(fd_);
  }
  fd_ = fd;
  regular_ = regular;
  reopen_ = false;
  return 0;
}

// Nobody reads the FIFO any more. What is in it goes with it, unless others keep it open.
void LineSink::Close(Outcome& outcome) {
  outcome.dropped += torn_.empty() ? 0 : 1;
  torn_.clear();
  if (!stderr_) close(fd_);
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
    if (!regular_ && !WaitUntilWritable()) {
      error = ECANCELED;
      break;
    }
    const ssize_t bytes = write(fd_, text.data() + done, text.size() - done);
    if (bytes > 0) {
      done += static_cast<size_t>(bytes);
    } else if (bytes == 0 || (errno != EINTR && errno != EAGAIN)) {
      error = bytes == 0 ? EIO : errno;
      break;
    }
  }
  return done;
}

// False: stopped. A descriptor with an error is writable: write(2) tells.
bool LineSink::WaitUntilWritable() {
  pollfd fds[] = {{fd_, POLLOUT, 0}, {stop_fd_, POLLIN, 0}};
  while (poll(fds, 2, -1) < 0 && errno == EINTR) {
  }
  return fds[0].revents != 0;
}

}  // namespace sluice::core
