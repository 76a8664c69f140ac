// Events: what has happened to the process that an operator asks about later: a server that went
// down, a reload, an act of an administrator. Each is a line of the log, and the last kMost of them
// are kept, by number.
//
//     events.Tell({.kind = EventKind::kHealth, .upstream = "app", .endpoint = "a"},
//                 LogLevel::kWarn, "upstream app: endpoint a is down: %s", why);
//
//   Tell ──► the log
//     └────► ring      ··· 8 9 10 11 │ 12 13 ··· 1035 │      the older ones have gone
//                              │       └─────┬──────┘
//             After(9) ──► lost 2, and these ┘
//
// A reader brings the number of the last event that it has: the ring knows no readers, and nothing
// waits for one. A reader that stalls loses what has gone meanwhile, and is told how many. Numbers
// begin with 1 in each process; run() tells two processes apart.
//
// Bounds: kMost events, each of at most kMostText bytes of text and kMostText of names.
// It is not for what happens with each session: what may come often is throttled by its teller.
//
// Invariants
//   E1  The numbers in the ring are consecutive, and the last one is last_.
// Threads: any; a lock is held for moments.
// Checked by: tests/proxy/observe/events_test.cc, tests/e2e/test_events.py.
#ifndef SLUICE_PROXY_OBSERVE_EVENTS_H_
#define SLUICE_PROXY_OBSERVE_EVENTS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "core/log/logger.h"
#include "core/sync/notify.h"

namespace sluice::proxy {

enum class EventKind : uint8_t {
  kHealth,    // a check says something else of an endpoint
  kEjection,  // what sessions met did
  kPanic,
  kEndpoint,  // one was added, removed, or set to something by hand; or a source found others
  kReload,
  kUpgrade,
  kDrain,   // of the whole process, from its first signal on
  kLimit,   // one is reached
  kAdmin,   // an act of an administrator on sessions or the process
  kServer,  // it serves
};
inline constexpr size_t kEventKindCount = static_cast<size_t>(EventKind::kServer) + 1;

constexpr std::string_view Name(EventKind kind) {
  constexpr std::string_view kNames[kEventKindCount] = {"health", "ejection", "panic", "endpoint",
                                                        "reload", "upgrade",  "drain", "limit",
                                                        "admin",  "server"};
  return kNames[static_cast<size_t>(kind)];
}

// "": it is about none.
struct EventSubject {
  EventKind kind;
  std::string_view upstream = {};
  std::string_view endpoint = {};  // its name, else its address
  std::string_view who = {};       // asked for it: "uid 0, pid 12", or an address
};

struct Event {
  uint64_t id = 0;
  std::chrono::system_clock::time_point at;
  EventKind kind = EventKind::kServer;
  core::LogLevel level = core::LogLevel::kInfo;
  std::string upstream;
  std::string endpoint;
  std::string who;
  std::string text;  // the line of the log
};

class Events {
 public:
  static constexpr size_t kMost = 1024;
  static constexpr size_t kMostText = 512;
  static constexpr size_t kMostLines = 20;

  explicit Events(core::Logger& logger)
      : logger_(logger),
        run_(std::chrono::duration_cast<std::chrono::microseconds>(
                 std::chrono::system_clock::now().time_since_epoch())
                 .count()) {}
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // Logs it, and keeps it whatever the level of the log is.
  template <typename... Args>
  void Tell(const EventSubject& subject, core::LogLevel level,
            const absl::FormatSpec<Args...>& format, const Args&... args) {
    const std::string text = absl::StrFormat(format, args...);
    if (logger_.enabled(level)) logger_.Write(level, text);
    Keep(subject, level, text);
  }
  // All of them are lines of the log; the first kMostLines are kept, and how many more there are.
  void TellLines(const EventSubject& subject, core::LogLevel level,
                 const std::vector<std::string>& lines);
  // Only keeps it: the log has it already, or is not to have it.
  void Keep(const EventSubject& subject, core::LogLevel level, std::string_view text);

  struct Page {
    std::vector<Event> events;  // the oldest first
    uint64_t lost = 0;          // came after the number that was asked for, and have gone
    uint64_t last = 0;          // the number to ask with next
  };
  // At most `most` of those that came after number `id`; 0: from the oldest one. Another process's
  // number is to be taken for 0.
  Page After(uint64_t id, size_t most) const;
  // The last `most` of all.
  Page Last(size_t most) const;

  // There is another one. For tasks: made before looking (core/sync/notify.h).
  core::Notify& changed() { return changed_; }

  // Another number for each process: when it began.
  int64_t run() const { return run_; }
  core::Logger& logger() const { return logger_; }

 private:
  Page From(size_t first, size_t most) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  core::Logger& logger_;
  const int64_t run_;
  core::Notify changed_;
  mutable absl::Mutex mutex_;
  std::deque<Event> ring_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_EVENTS_H_
