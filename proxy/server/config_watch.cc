#include "proxy/server/config_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "core/io/poll.h"
#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/time/sleep.h"

namespace sluice::proxy {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as the kernel
constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                             IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

// One round. The task's and a thread's: either may be the last to need it.
class Round {
 public:
  explicit Round(conf::Sources sources)
      : sources_(std::move(sources)), fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    if (fd_ < 0) status_ = absl::ErrnoToStatus(errno, "cannot watch files");
  }
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;
  ~Round() {
    if (fd_ >= 0) close(fd_);
  }

  // Listens, then compares.
  void Begin() {
    for (const conf::Source& source : sources_) {
      for (WatchedName& name : NamesOf(source)) Watch(std::move(name));
    }
    differs_ = conf::LookAgain(sources_) != sources_;
  }

  // Takes what has happened so far. Returns true if something of it matters.
  bool TakeEvents() {
    bool matters = false;
    alignas(inotify_event) std::array<char, 16384> buffer;
    for (;;) {
      const ssize_t size = read(fd_, buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return matters;
      for (size_t at = 0; at < static_cast<size_t>(size);) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        matters = matters || Matters(*event);
        at += sizeof(inotify_event) + event->len;
      }
    }
  }

  int fd() const { return fd_; }
  int TakeDescriptor() { return std::exchange(fd_, -1); }
  const absl::Status& status() const { return status_; }
  bool differs() const { return differs_; }

 private:
  void Watch(WatchedName watched) {
    const int id = inotify_add_watch(fd_, watched.folder.c_str(), kEvents);
    if (id >= 0) {
      names_[id].insert(std::move(watched.name));
    } else if (errno == ENOSPC || errno == ENOMEM) {
      status_ = absl::ErrnoToStatus(errno, absl::StrCat("cannot watch ", watched.folder));
    }  // else it is not there, which shows in the folder above if that is a link's
  }

  bool Matters(const inotify_event& event) const {
    const auto names = names_.find(event.wd);
    if (names == names_.end()) return true;  // events have been lost
    const std::string name = event.len > 0 ? event.name : "";
    return name.empty() || names->second.contains("") || names->second.contains(name);
  }

  const conf::Sources sources_;
  std::unordered_map<int, std::unordered_set<std::string>> names_;  // by watch
  absl::Status status_;
  bool differs_ = false;
  int fd_;
};

// Waits until one event matters. False: the scope was cancelled.
core::Task<bool> WaitForEvent(Round& round) {
  while (!round.TakeEvents()) {
    core::IoResult<uint32_t> ready = co_await core::Poll(round.fd(), POLLIN);
    if (!ready.ok()) co_return false;
  }
  co_return true;
}

// Until nothing that matters has happened for a while. False: the scope was cancelled.
core::Task<bool> WaitForQuiet(Round& round) {
  const core::Instant end = core::Worker::Current()->Now() + ConfigWatch::kLongest;
  for (;;) {
    auto outcome = co_await core::Select(core::Named<"event">(WaitForEvent(round)),
                                         core::Named<"quiet">(core::Sleep(ConfigWatch::kQuiet)));
    if (outcome.Won<"quiet">() && outcome.Get<"quiet">()) co_return true;
    if (!outcome.Get<"event">()) co_return false;
    if (core::Worker::Current()->Now() > end) co_return true;
  }
}

// False: the scope was cancelled.
core::Task<bool> WaitUntilSettled(Round& round) {
  if (!round.differs() && !co_await WaitForEvent(round)) co_return false;
  co_return co_await WaitForQuiet(round);
}

}  // namespace

std::vector<WatchedName> NamesOf(const conf::Source& source) {
  std::vector<WatchedName> names;
  std::error_code error;
  const fs::path absolute = fs::absolute(source.path, error);
  if (error) return names;
  std::vector<fs::path> rest;  // the last one first
  const auto push = [&rest](const fs::path& path) {
    const std::vector<fs::path> parts(path.begin(), path.end());
    rest.insert(rest.end(), parts.rbegin(), parts.rend());
  };
  push(absolute);
  fs::path done = "/";
  for (int links = 0; !rest.empty();) {
    const fs::path part = rest.back();
    rest.pop_back();
    if (part.empty() || part == "." || part == "/") continue;
    if (part == "..") {
      done = done.parent_path();
      continue;
    }
    if (source.is_pattern && part.string().find_first_of("*?[") != std::string::npos) {
      names.push_back({.folder = done.string(), .name = ""});
      break;
    }
    const fs::path here = done / part;
    const fs::file_type type = fs::symlink_status(here, error).type();
    if (type == fs::file_type::symlink && ++links <= kMostLinks) {
      names.push_back({.folder = done.string(), .name = part.string()});
      const fs::path target = fs::read_symlink(here, error);
      if (target.is_absolute()) done = "/";
      push(target);
    } else if (rest.empty() || type != fs::file_type::directory) {
      names.push_back({.folder = done.string(), .name = part.string()});
      break;
    } else {
      done = here;
    }
  }
  return names;
}

core::Task<absl::Status> ConfigWatch::WaitForChange(RunElsewhere elsewhere) const {
  for (bool settled = false;; settled = true) {
    const auto round = std::make_shared<Round>(Get());
    if (!round->status().ok()) co_return round->status();
    const absl::Status begun = co_await elsewhere([round] { round->Begin(); });
    if (!begun.ok()) co_return begun;
    const bool goes_on = round->status().ok() && !(settled && round->differs());
    const bool cancelled = goes_on && !co_await WaitUntilSettled(*round);
    core::CurrentReactor().Close(round->TakeDescriptor());  // which may know it
    if (cancelled) co_return absl::CancelledError();
    if (!goes_on) co_return round->status();
  }
}

}  // namespace sluice::proxy
