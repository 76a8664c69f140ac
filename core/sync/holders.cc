#include "core/sync/holders.h"

#include <algorithm>
#include <array>
#include <new>
#include <unordered_map>

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
  std::unordered_map<const void*, Entry> entries ABSL_GUARDED_BY(mutex);
};

// Never destroyed: locks may outlive what the end of the process destroys.
std::array<Shard, kShards>& Shards() {
  static auto* const shards = new std::array<Shard, kShards>;
  return *shards;
}

Shard& ShardOf(const void* resource) {
  const auto mixed = reinterpret_cast<uintptr_t>(resource) * 0x9E3779B97F4A7C15u;
  return Shards()[mixed >> 32 & (kShards - 1)];
}

// Callers are in the middle of handing out a permit: without memory the note is not made.
void Take(uint64_t task, const void* resource, size_t count) noexcept {
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

std::vector<Holders::Resource> Holders::All() {
  std::vector<Resource> all;
  for (Shard& shard : Shards()) {
    absl::MutexLock lock(&shard.mutex);
    for (const auto& [address, entry] : shard.entries) {
      all.push_back({.address = address, .name = entry.name, .holders = entry.holders});
    }
  }
  return all;
}

void NameResource(const void* address, std::string_view name) {
  if (!Holders::IsOn()) return;
  Shard& shard = ShardOf(address);
  absl::MutexLock lock(&shard.mutex);
  shard.entries[address].name = std::string(name);
}

}  // namespace sluice::core
