// KeyValueStore: keys with values that may expire, in so much memory and no more.
//
// What has expired is gone for all who ask, and its memory when it is asked for or when memory is
// short. Threads: one at a time.
#ifndef SLUICE_CORE_EXAMPLES_KEY_VALUE_STORE_H_
#define SLUICE_CORE_EXAMPLES_KEY_VALUE_STORE_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/base/time.h"

class KeyValueStore {
 public:
  struct Entry {
    std::string value;
    sluice::core::OptionalInstant expires_at;
  };

  explicit KeyValueStore(size_t most_bytes) : most_bytes_(most_bytes) {}

  // Null: there is none. Its value is changed by Put alone.
  Entry* Find(const std::string& key, sluice::core::Instant now) {
    const auto at = entries_.find(key);
    if (at == entries_.end()) return nullptr;
    if (!HasExpired(at->second, now)) return &at->second;
    Erase(at);
    return nullptr;
  }

  // False: there is no memory for it, and nothing has changed.
  bool Put(const std::string& key, Entry entry, sluice::core::Instant now) {
    const Entry* before = Find(key, now);
    const size_t freed = before == nullptr ? 0 : BytesOf(key, *before);
    const size_t needed = BytesOf(key, entry);
    if (bytes_ - freed + needed > most_bytes_) DropExpired(now);
    if (bytes_ - freed + needed > most_bytes_) return false;
    bytes_ = bytes_ - freed + needed;
    entries_[key] = std::move(entry);
    return true;
  }

  bool Erase(const std::string& key, sluice::core::Instant now) {
    if (Find(key, now) == nullptr) return false;
    Erase(entries_.find(key));
    return true;
  }

  void Clear() {
    entries_.clear();
    bytes_ = 0;
  }
  size_t size() const { return entries_.size(); }

 private:
  using Entries = std::unordered_map<std::string, Entry>;
  static constexpr size_t kOverhead = 128;  // of an entry: nodes, sizes, what malloc adds
  static constexpr sluice::core::Duration kBetweenSweeps = std::chrono::seconds(1);

  static size_t BytesOf(const std::string& key, const Entry& entry) {
    return kOverhead + key.size() + entry.value.size();
  }
  static bool HasExpired(const Entry& entry, sluice::core::Instant now) {
    return entry.expires_at.has_value() && *entry.expires_at <= now;
  }
  Entries::iterator Erase(Entries::iterator at) {
    bytes_ -= BytesOf(at->first, at->second);
    return entries_.erase(at);
  }
  // Looks at all entries, so not with each Put that finds no memory.
  void DropExpired(sluice::core::Instant now) {
    if (swept_at_.has_value() && now - *swept_at_ < kBetweenSweeps) return;
    swept_at_ = now;
    for (auto at = entries_.begin(); at != entries_.end();) {
      at = HasExpired(at->second, now) ? Erase(at) : std::next(at);
    }
  }

  const size_t most_bytes_;
  size_t bytes_ = 0;
  Entries entries_;
  sluice::core::OptionalInstant swept_at_;
};

#endif  // SLUICE_CORE_EXAMPLES_KEY_VALUE_STORE_H_
