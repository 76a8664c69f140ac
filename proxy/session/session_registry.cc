#include "proxy/session/session_registry.h"

#include <optional>

#include "absl/container/flat_hash_set.h"

namespace sluice::proxy {
namespace {

class Marker final : public RegistryEntry {
 public:
  Marker() : RegistryEntry(true) {}
  void OnReady() override {}  // never posted
};

}  // namespace

// The worker's number is the rest of the id, so that it names the shard.
void SessionRegistry::Enter(SessionEntry& entry, core::Runnable& task, uint32_t worker) {
  Shard& shard = shards_[worker % shards_.size()];
  entry.Prepare(task);
  absl::MutexLock lock(&shard.mutex);
  entry.id_ = ++shard.begun * shards_.size() + worker % shards_.size();
  entry.is_listed_ = true;
  shard.entries.Push(entry);
}

bool SessionRegistry::Leave(SessionEntry& entry) {
  if (entry.is_listed_ && entry.Withdraw()) entry.is_listed_ = false;
  return !entry.is_listed_;
}

template <typename Visit, typename Between>
void SessionRegistry::Walk(const Shard& shard, Visit visit, Between between) {
  using Entries = core::WaitList<RegistryEntry>;
  Marker place;
  for (bool is_over = false; !is_over; between()) {
    absl::MutexLock lock(&shard.mutex);
    const bool begins = !Entries::Contains(place);
    RegistryEntry* next = begins ? shard.entries.first() : Entries::Next(place);
    if (!begins) shard.entries.Remove(place);
    for (size_t i = 0; i < kChunk && next != nullptr; ++i) {
      RegistryEntry& entry = *next;
      next = Entries::Next(entry);  // `entry` may be taken out
      if (!entry.is_marker) visit(static_cast<SessionEntry&>(entry));
    }
    is_over = next == nullptr;
    if (!is_over) shard.entries.InsertBefore(*next, place);
  }
}

// What allocates is done between two chunks.
std::vector<SessionRow> SessionRegistry::Rows(core::SocketApi& sockets, core::Instant now,
                                              RowDetail detail) const {
  const SessionEntry::Viewer viewer{.sockets = sockets, .now = now, .detail = detail};
  std::vector<SessionRow> rows;
  for (const Shard& shard : shards_) {
    rows.reserve(rows.size() + kChunk);
    Walk(
        shard,
        [&](const SessionEntry& entry) {
          rows.emplace_back();
          rows.back().id = entry.id_;
          rows.back().stage = entry.stage();
          entry.Describe(rows.back(), viewer);
        },
        [&] {
          if (rows.capacity() - rows.size() < kChunk) rows.reserve(2 * rows.size() + kChunk);
        });
  }
  return rows;
}

void SessionRegistry::WriteInterims(const SessionEntry::Interim& interim) const {
  for (const Shard& shard : shards_) {
    Walk(shard, [&](const SessionEntry& entry) { entry.WriteInterim(interim); }, [] {});
  }
}

std::vector<uint64_t> SessionRegistry::IdsOf(const Endpoint& endpoint) const {
  std::vector<uint64_t> ids;
  for (const Shard& shard : shards_) {
    ids.reserve(ids.size() + kChunk);
    Walk(
        shard,
        [&](const SessionEntry& entry) {
          if (entry.endpoint() == &endpoint) ids.push_back(entry.id_);
        },
        [&] {
          if (ids.capacity() - ids.size() < kChunk) ids.reserve(2 * ids.size() + kChunk);
        });
  }
  return ids;
}

size_t SessionRegistry::Kill(const std::vector<uint64_t>& ids, const EndReason& reason) {
  const absl::flat_hash_set<uint64_t> wanted(ids.begin(), ids.end());
  std::vector<bool> has_some(shards_.size());
  for (const uint64_t id : wanted) has_some[id % shards_.size()] = true;
  size_t killed = 0;
  for (size_t i = 0; i < shards_.size(); ++i) {
    if (!has_some[i]) continue;
    Shard& shard = shards_[i];
    std::optional<core::Woken> woken(std::in_place);
    Walk(
        shard,
        [&](SessionEntry& entry) {
          shard.mutex.AssertHeld();
          if (!wanted.contains(entry.id_)) return;
          shard.entries.Remove(entry);
          entry.reason_ = reason;
          woken->Add(entry);
          ++killed;
        },
        [&] { woken.emplace(); });  // posts
  }
  return killed;
}

}  // namespace sluice::proxy
