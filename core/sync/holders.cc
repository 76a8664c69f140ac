#include "core/sync/holders.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <new>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sluice::core {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kShards = 32;

struct Entry {
  std::string name;
  std::vector<Holders::Holder> holders;
  size_t unlisted = 0;  // permits of those that came when there were kMostHolders
};

struct Shard {
  absl::Mutex mutex;
  // In order: so a reader finds on where it was when it let go of the lock.
  std::map<const void*, Entry> entries ABSL_GUARDED_BY(mutex);
};

struct Watching {
  absl::Mutex mutex;
  size_t runtimes ABSL_GUARDED_BY(mutex) = 0;
};

Watching& Watchings() {
  static auto* const watching = new Watching;
  return *watching;
}

// Never destroyed: locks may outlive what the end of the process destroys.
std::array<Shard, kShards>& Shards() {
  static auto* const shards = new std::array<Shard, kShards>;
  return *shards;
}

Shard& ShardOf(const void* resource) {
  const auto mixed = reinterpret_cast<uintptr_t>(resource) * 0x9E3779B97F4A7C15u;
  return Shards()[mixed >> 32 & (kShards - 1)];
}

void ForgetAll() {
  for (Shard& shard : Shards()) {
    absl::MutexLock lock(&shard.mutex);
    shard.entries.clear();
  }
}

// Of what is behind `last` as much as `some` has places for. Returns how much that is.
size_t CopySome(Shard& shard, const void* last, std::vector<Holders::Resource>& some) {
  absl::MutexLock lock(&shard.mutex);
  size_t count = 0;
  auto next = shard.entries.upper_bound(last);
  for (; next != shard.entries.end() && count < some.size(); ++next) {
    const auto& [address, entry] = *next;
    Holders::Resource& copy = some[count++];
    copy.address = address;
    copy.name.assign(entry.name);
    copy.holders.assign(entry.holders.begin(), entry.holders.end());
  }
  return count;
}

// Callers are in the middle of handing out a permit: without memory the note is not made.
void Take(uint64_t task, const void* resource, size_t count) noexcept {
  if (count == 0) return;  // nothing will be given back
  Shard& shard = ShardOf(resource);
  absl::MutexLock lock(&shard.mutex);
  try {
    Entry& entry = shard.entries[resource];
    if (entry.holders.size() < Holders::kMostHolders) {
      entry.holders.push_back({.task = task, .count = count, .since = Clock::now()});
    } else {
      entry.unlisted += count;
    }
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace

void Holders::Taken(const void* resource, size_t count) {
  const RunWatcher* const watcher = RunWatcher::Current();
  Take(watcher == nullptr ? 0 : watcher->id(), resource, count);
}

void Holders::TakenBy(const Runnable& task, const void* resource, size_t count) {
  const RunWatcher* const watcher = task.scheduler().watcher();
  Take(watcher == nullptr ? 0 : watcher->id(), resource, count);
}

void Holders::GivenBack(const void* resource, size_t count) {
  const RunWatcher* const watcher = RunWatcher::Current();
  const uint64_t task = watcher == nullptr ? 0 : watcher->id();
  Shard& shard = ShardOf(resource);
  absl::MutexLock lock(&shard.mutex);
  const auto entry = shard.entries.find(resource);
  if (entry == shard.entries.end()) return;
  std::vector<Holder>& holders = entry->second.holders;
  size_t& unlisted = entry->second.unlisted;
  while (count > 0 && (unlisted > 0 || !holders.empty())) {
    auto holder = std::ranges::find(holders, task, &Holder::task);
    if (holder == holders.end() && unlisted > 0) {
      const size_t gone = std::min(count, unlisted);
      count -= gone;
      unlisted -= gone;
      continue;
    }
    if (holder == holders.end()) holder = holders.begin();
    const size_t gone = std::min(count, holder->count);
    count -= gone;
    holder->count -= gone;
    if (holder->count == 0) holders.erase(holder);
  }
  if (holders.empty() && unlisted == 0 && entry->second.name.empty()) shard.entries.erase(entry);
}

void Holders::Forget(const void* resource) {
  Shard& shard = ShardOf(resource);
  absl::MutexLock lock(&shard.mutex);
  shard.entries.erase(resource);
}

// A thread that takes something just then may leave a note behind: so the first one clears, too.
void Holders::WatchBegins() {
  absl::MutexLock lock(&Watchings().mutex);
  if (Watchings().runtimes++ == 0) ForgetAll();
  RunWatcher::AddOne();
}

void Holders::WatchEnds() {
  absl::MutexLock lock(&Watchings().mutex);
  RunWatcher::RemoveOne();
  if (--Watchings().runtimes == 0) ForgetAll();
}

bool Holders::Next(Place& place, std::vector<Resource>& some) {
  some.resize(kMostAtOnce);
  for (Resource& each : some) {  // no memory is needed under the lock
    each.name.reserve(kMostOfName);
    each.holders.reserve(kMostHolders);
  }
  for (; place.shard < kShards; place = {.shard = place.shard + 1, .last = nullptr}) {
    const size_t count = CopySome(Shards()[place.shard], place.last, some);
    if (count == 0) continue;
    some.resize(count);
    place.last = some.back().address;
    return true;
  }
  some.clear();
  return false;
}

std::vector<Holders::Resource> Holders::All() {
  std::vector<Resource> all;
  Place place;
  for (std::vector<Resource> some; Next(place, some);) {
    std::ranges::move(some, std::back_inserter(all));
  }
  return all;
}

void NameResource(const void* address, std::string_view name) {
  if (!Holders::IsOn()) return;
  std::string kept(name.substr(0, Holders::kMostOfName));
  Shard& shard = ShardOf(address);
  absl::MutexLock lock(&shard.mutex);
  shard.entries[address].name.swap(kept);
}

}  // namespace sluice::core
