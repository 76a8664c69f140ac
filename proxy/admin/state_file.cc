#include "proxy/admin/state_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "conf/text/text.h"
#include "proxy/admin/http/target.h"
#include "proxy/admin/queries.h"

namespace sluice::proxy {
namespace {

constexpr char kFirstLine[] = "sluice administrative state 1";
constexpr char kLastLine[] = "end";
constexpr uint32_t kMaxWeight = 256;
constexpr AdminState kStates[] = {AdminState::kReady, AdminState::kDrain, AdminState::kMaintenance};

std::string LineOf(const std::string& upstream, const std::string& name, const ByHand& by_hand) {
  std::string line = absl::StrCat("/", PercentEncoded(upstream), "/", PercentEncoded(name));
  char separator = '?';
  const auto add = [&](std::string_view key, std::string_view value) {
    absl::StrAppend(&line, std::string(1, separator), std::string(key), "=", PercentEncoded(value));
    separator = '&';
  };
  if (by_hand.state) add("state", Name(*by_hand.state));
  if (by_hand.weight) add("set_weight", std::to_string(*by_hand.weight));
  if (by_hand.removed) add("removed", "true");
  if (by_hand.added) {
    add("address", by_hand.added->address.ToString());
    if (!by_hand.added->name.empty()) add("name", by_hand.added->name);
    add("weight", std::to_string(by_hand.added->weight));
    add("priority", std::to_string(by_hand.added->priority));
    add("max_connections", std::to_string(by_hand.added->max_connections));
  }
  return line;
}

// Returns what is wrong, "": nothing.
std::string Read(std::string_view key, std::string_view value, ByHand& by_hand, HttpTarget& added) {
  if (key == "state") {
    for (const AdminState state : kStates) {
      if (value == Name(state)) return by_hand.state = state, "";
    }
    return absl::StrCat("state ", conf::Printable(value));
  }
  if (key == "set_weight") {
    uint32_t weight = 0;
    if (!absl::SimpleAtoi(std::string(value), &weight) || weight > kMaxWeight) {
      return absl::StrCat("weight ", conf::Printable(value));
    }
    by_hand.weight = weight;
    return "";
  }
  if (key == "removed") {
    by_hand.removed = value == "true";
    return by_hand.removed ? "" : absl::StrCat("removed ", conf::Printable(value));
  }
  added.queries.emplace_back(key, value);
  return "";
}

// Returns what is wrong, "": nothing.
std::string ReadLine(const std::string& line, EndpointActions::Changes& changes) {
  const std::optional<HttpTarget> target = ParseHttpTarget(line, line.size());
  if (!target || target->segments.size() != 2) return "it is no line of this file";
  ByHand by_hand;
  HttpTarget added;
  for (const auto& [key, value] : target->queries) {
    if (std::string wrong = Read(key, value, by_hand, added); !wrong.empty()) return wrong;
  }
  if (!added.queries.empty()) {
    const absl::StatusOr<conf::Endpoint> endpoint = EndpointFrom(added);
    if (!endpoint.ok()) return std::string(endpoint.status().message());
    by_hand.added = *endpoint;
  }
  changes[target->segments[0]][target->segments[1]] = std::move(by_hand);
  return "";
}

// INVALID_ARGUMENT with the number of the line.
absl::Status Wrong(size_t line, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(line, ": ", std::string(why)));
}

// All of a file, at most `most` bytes.
absl::StatusOr<std::string> ReadAll(const std::string& path, size_t most) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot read it");
  const absl::Cleanup close_fd = [fd] { close(fd); };
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError("it is no file");
  }
  std::string text;
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t size = read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return absl::ErrnoToStatus(errno, "cannot read it");
    if (size == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(size));
    if (text.size() > most) return absl::InvalidArgumentError("it is too large");
  }
}

// Returns an errno.
int WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = write(fd, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    text.remove_prefix(static_cast<size_t>(size));
  }
  return fsync(fd) == 0 ? 0 : errno;
}

}  // namespace

std::string EncodeState(const EndpointActions::Changes& changes) {
  std::string text = absl::StrCat(kFirstLine, "\n");
  for (const auto& [upstream, endpoints] : changes) {
    for (const auto& [name, by_hand] : endpoints) {
      absl::StrAppend(&text, LineOf(upstream, name, by_hand), "\n");
    }
  }
  return absl::StrCat(text, kLastLine, "\n");
}

absl::StatusOr<StateText> DecodeState(std::string_view text) {
  const std::vector<std::string> lines =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '\n');
  if (lines[0] != kFirstLine) return Wrong(1, absl::StrCat("the first line is not ", kFirstLine));
  StateText read;
  for (size_t i = 1; i < lines.size(); ++i) {
    if (lines[i] == kLastLine) {
      if (i + 2 == lines.size() && lines.back().empty()) return read;
      return Wrong(i + 2, "there is something behind the end");
    }
    if (i + 1 == lines.size() && lines[i].empty()) break;
    if (const std::string wrong = ReadLine(lines[i], read.changes); !wrong.empty()) {
      read.left_out.push_back(absl::StrCat(i + 1, ": ", wrong));
    }
  }
  return Wrong(lines.size(), "the end is missing");
}

EndpointActions::Changes StateFile::Load() {
  written_ = EncodeState({});  // which no file says, too
  const absl::StatusOr<std::string> text = ReadAll(path_, kMostBytes);
  if (absl::IsNotFound(text.status())) return {};
  std::string why;
  if (text.ok()) {
    absl::StatusOr<StateText> read = DecodeState(*text);
    if (read.ok()) {
      written_ = *text;
      if (!read->left_out.empty()) TellLeftOut(read->left_out);
      return std::move(read->changes);
    }
    why = absl::StrCat(path_, ":", std::string(read.status().message()));
  } else {
    why = absl::StrCat(path_, ": ", std::string(text.status().message()));
  }
  logger_.Log(core::LogLevel::kWarn,
              "admin.state_file %s; all endpoints are as configured, and the next change takes "
              "its place",
              why);
  return {};
}

void StateFile::TellLeftOut(const std::vector<std::string>& lines) const {
  const std::string others =
      lines.size() == 1 ? "" : absl::StrCat(" (and ", lines.size() - 1, " other lines)");
  logger_.Log(core::LogLevel::kWarn,
              "admin.state_file %s:%s%s; it is left out, and the next change drops it", path_,
              lines.front(), others);
}

absl::Status StateFile::Start(std::function<EndpointActions::Changes()> changes) {
  absl::MutexLock lock(&mutex_);
  if (has_ended_) return absl::OkStatus();
  changes_ = std::move(changes);
  return stops_ ? absl::OkStatus() : Begin();
}

absl::Status StateFile::Resume() {
  absl::MutexLock lock(&mutex_);
  if (has_ended_) return absl::OkStatus();
  stops_ = false;
  return Begin();
}

absl::Status StateFile::Begin() {
  if (!changes_ || runs_) return absl::OkStatus();
  if (thread_.joinable()) thread_.join();  // at once: it has written for the last time
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error&) {
    return absl::ResourceExhaustedError("admin.state_file: the system is out of threads");
  }
  runs_ = true;
  return absl::OkStatus();
}

void StateFile::Changed() {
  absl::MutexLock lock(&mutex_);
  is_dirty_ = true;
}

absl::Status StateFile::Pause(core::Duration patience) {
  absl::MutexLock lock(&mutex_);
  if (!stops_) {  // there may have been no thread for it before
    if (absl::Status begun = Begin(); !begun.ok()) return begun;
  }
  stops_ = true;
  if (!runs_) return absl::OkStatus();
  if (!saved_.ok()) is_dirty_ = true;  // what could not be written is tried again
  const auto has_stopped = [this] {
    mutex_.AssertReaderHeld();
    return !runs_;
  };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&has_stopped), absl::FromChrono(patience))) {
    stops_ = has_ended_;
    return absl::DeadlineExceededError(absl::StrCat(
        "admin.state_file ", path_, " cannot be written: its disk has not answered for ",
        std::chrono::duration<double>(patience).count(), " s"));
  }
  if (saved_.ok()) return absl::OkStatus();
  return absl::Status(saved_.code(), absl::StrCat("admin.state_file: ", saved_.message()));
}

void StateFile::Stop() {
  std::thread thread;
  {
    absl::MutexLock lock(&mutex_);
    has_ended_ = true;
    stops_ = true;
    if (!saved_.ok()) is_dirty_ = true;
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

void StateFile::Run() {
  pthread_setname_np(pthread_self(), "state_file");
  for (;;) {
    const auto has_work = [this] {
      mutex_.AssertReaderHeld();
      return is_dirty_ || stops_;
    };
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&has_work));
      if (!std::exchange(is_dirty_, false)) {
        runs_ = false;
        return;
      }
    }
    Save();
  }
}

void StateFile::Save() {
  std::string text = EncodeState(changes_());
  const absl::Status status = text == written_ ? absl::OkStatus() : Write(text);
  if (status.ok()) {
    written_ = std::move(text);
  } else {
    logger_.Log(core::LogLevel::kWarn, "admin.state_file: %s; the next change tries again",
                status.message());
  }
  absl::MutexLock lock(&mutex_);
  saved_ = status;
}

absl::Status StateFile::Write(const std::string& text) const {
  const std::string beside = path_ + ".new";
  const int fd = open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", beside));
  const int error = WriteAll(fd, text);
  close(fd);
  if (error == 0 && rename(beside.c_str(), path_.c_str()) == 0) return absl::OkStatus();
  absl::Status status =
      absl::ErrnoToStatus(error == 0 ? errno : error, absl::StrCat("cannot write ", path_));
  (void)unlink(beside.c_str());
  return status;
}

}  // namespace sluice::proxy
