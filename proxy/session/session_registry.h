// SessionRegistry: all sessions that there are, to be looked at and ended from outside.
//
//   worker 0's shard   lock ── s ── s ── s ── [place of a walk] ── s ── s
//   worker 1's shard   lock ── s ── s
//
//            Enter                    Change: connected, closed                Leave: true
//   OUT ──────────────► LISTED ─────────────────────────────────────► OUT ─────────────────► gone
//                          │ Kill, on any thread                                  ▲
//                          └──────────► KILLED: a notice is on its way ── OnKill ─┘
//
// A session is listed by itself (intrusive) in the shard of the worker that it began on, from its
// first step until its descriptors are closed; it may run on any. So its own frame has all that
// there is to know, and a message costs nothing more: what the pumps count is an atomic that has
// one writer.
//
//   R1  While a session is LISTED its task lives, and its descriptors are open. What a row shows
//   and
//       the session changes it changes under its shard's lock (Change), or it is an atomic.
//   R2  A session leaves the list once: by Leave, or killed. (WaitList: W2.)
//   R3  A walk holds a lock for kChunk sessions at a time, whatever the number of sessions. Between
//       two chunks a marker keeps its place, so every session that is LISTED all the time is
//       visited exactly once.
//
// Why a lock and not a task on each worker, or words that are read again if they have changed: a
// chunk takes about 15 us, a worker needs the lock four times in the life of a session and never
// for a message, so the most that a walk delays a worker is one chunk, once. Copies on the workers
// would take the same time from all of them, and could not read sessions that have been stolen; a
// sequence lock would need every counter in memory that outlives the frame, which is 72 bytes more
// for each session.
//
// Threads: Enter, Change and Leave inside the session's task; the rest any.
// The list is WaitList, which has models (tests/model).
// Checked by: tests/proxy/session/session_registry_test.cc, tests/proxy/server/sessions_test.cc.
#ifndef SLUICE_PROXY_SESSION_SESSION_REGISTRY_H_
#define SLUICE_PROXY_SESSION_SESSION_REGISTRY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/atomic.h"
#include "core/base/time.h"
#include "core/net/socket_api.h"
#include "core/sync/wait_list.h"
#include "proxy/observe/end_reason.h"
#include "proxy/session/session_row.h"

namespace sluice::proxy {

class Endpoint;
class SessionRegistry;

// What stands in a shard: a session, or the place of a walk.
class RegistryEntry : public core::WaitEntry {
 public:
  explicit RegistryEntry(bool is_marker) : is_marker(is_marker) {}
  const bool is_marker;

 protected:
  ~RegistryEntry() = default;
};

class SessionEntry : public RegistryEntry {
 public:
  // What a walk wants to know; `sockets` for what the kernel does.
  struct Viewer {
    core::SocketApi& sockets;
    core::Instant now;
    RowDetail detail;
  };
  virtual void Describe(SessionRow& row, const Viewer& viewer) const = 0;

  // Sessions whose age has become a multiple of `every` after `since` and until `now`.
  struct Interim {
    core::SocketApi& sockets;
    core::Instant since;
    core::Instant now;
    core::Duration every;

    bool IsDue(core::Instant began_at) const {
      return (now - began_at) / every > std::max<core::Duration>(since - began_at, 0s) / every;
    }
  };
  // Writes a record of it as it is now, if that is due and there is a log.
  virtual void WriteInterim(const Interim& interim) const = 0;
  // That it is connected to; null: none.
  virtual const Endpoint* endpoint() const = 0;
  // It is to end. Inside the task, once.
  virtual void OnKill(const EndReason& reason) = 0;

  void OnReady() final {
    is_listed_ = false;
    OnKill(reason_);
  }

 protected:
  SessionEntry() : RegistryEntry(false) {}
  ~SessionEntry() = default;

  void SetStage(SessionStage stage) { stage_.store(stage, std::memory_order_relaxed); }
  SessionStage stage() const { return stage_.load(std::memory_order_relaxed); }
  uint64_t id() const { return id_; }
  // As far as its task knows: from Enter until Leave == true or OnKill. If Leave has been false,
  // OnKill is on its way.
  bool is_listed() const { return is_listed_; }

 private:
  friend class SessionRegistry;

  core::Atomic<SessionStage> stage_{SessionStage::kConnect};
  EndReason reason_;  // of a kill
  bool is_listed_ = false;
  uint64_t id_ = 0;
};

class SessionRegistry {
 public:
  explicit SessionRegistry(uint32_t workers) : shards_(workers) {}

  // On the thread of `worker`.
  void Enter(SessionEntry& entry, core::Runnable& task, uint32_t worker);
  // `change()` writes what rows show.
  template <typename F>
  void Change(const SessionEntry& entry, F change) {
    absl::MutexLock lock(&ShardOf(entry.id_).mutex);
    change();
  }
  // Before the last descriptor is closed. Returns true if no OnKill will come.
  bool Leave(SessionEntry& entry);

  // All sessions, in no order.
  std::vector<SessionRow> Rows(core::SocketApi& sockets, core::Instant now, RowDetail detail) const;

  // Records of those that are due, in no order. It holds the lock of a worker for a chunk of them,
  // as Rows does.
  void WriteInterims(const SessionEntry::Interim& interim) const;
  // Those that are connected to `endpoint`.
  std::vector<uint64_t> IdsOf(const Endpoint& endpoint) const;

  // Ends these sessions. Returns how many it has found.
  size_t Kill(const std::vector<uint64_t>& ids, const EndReason& reason);

  static constexpr size_t kChunk = 16;

 private:
  struct alignas(64) Shard {
    mutable absl::Mutex mutex;
    mutable core::WaitList<RegistryEntry> entries ABSL_GUARDED_BY(mutex){mutex};
    uint64_t begun ABSL_GUARDED_BY(mutex) = 0;
  };

  const Shard& ShardOf(uint64_t id) const { return shards_[id % shards_.size()]; }
  Shard& ShardOf(uint64_t id) { return shards_[id % shards_.size()]; }

  // Visits all sessions of a shard; `between` comes after each chunk, without the lock.
  template <typename Visit, typename Between>
  static void Walk(const Shard& shard, Visit visit, Between between);

  std::vector<Shard> shards_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_SESSION_REGISTRY_H_
