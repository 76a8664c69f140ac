#include "core/testing/frame_ledger.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/debugging/stacktrace.h"
#include "absl/debugging/symbolize.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/check.h"

namespace sluice::core::testing {
namespace {

bool IsPartOfAllocation(std::string_view symbol) {
  return symbol.find("operator new") != std::string_view::npos ||
         symbol.find("FrameCache") != std::string_view::npos ||
         symbol.find("FrameLedger") != std::string_view::npos;
}

template <typename Callers>
std::string NameOf(const Callers& callers) {
  for (void* const caller : callers) {
    if (caller == nullptr) break;
    // The address behind a call may be that of the next function.
    char symbol[512];
    const void* const call = static_cast<const char*>(caller) - 1;
    if (!absl::Symbolize(call, symbol, sizeof(symbol)) || IsPartOfAllocation(symbol)) continue;
    return symbol;
  }
  return "a function without a symbol";
}

}  // namespace

FrameLedger::FrameLedger() { FrameCache::SetWatch(this); }
FrameLedger::~FrameLedger() { FrameCache::SetWatch(nullptr); }

void FrameLedger::Made(void* frame, size_t size) {
  Maker maker;
  maker.size = size;
  absl::GetStackTrace(maker.callers.data(), kCallers, /*skip_count=*/1);
  absl::MutexLock lock(&mutex_);
  ++seen_[maker];
  left_[frame] = maker;
}

void FrameLedger::Freed(void* frame) noexcept {
  absl::MutexLock lock(&mutex_);
  left_.erase(frame);  // unless it was made before this
}

size_t FrameLedger::left() const {
  absl::MutexLock lock(&mutex_);
  return left_.size();
}

std::vector<FrameKind> FrameLedger::KindsOf(const Counts& counts) {
  std::vector<FrameKind> kinds;
  for (const auto& [maker, count] : counts) {
    const std::string name = NameOf(maker.callers);
    const auto same = std::ranges::find_if(kinds, [&, size = maker.size](const FrameKind& kind) {
      return kind.made_by == name && kind.size == size;
    });
    if (same != kinds.end()) {
      same->count += count;
    } else {
      kinds.push_back({name, maker.size, count});
    }
  }
  std::ranges::sort(kinds, [](const FrameKind& a, const FrameKind& b) {
    return std::tie(b.size, a.made_by) < std::tie(a.size, b.made_by);
  });
  return kinds;
}

std::vector<FrameKind> FrameLedger::Left() const {
  Counts counts;
  absl::MutexLock lock(&mutex_);
  for (const auto& [frame, maker] : left_) ++counts[maker];
  return KindsOf(counts);
}

std::vector<FrameKind> FrameLedger::Seen() const {
  absl::MutexLock lock(&mutex_);
  return KindsOf(seen_);
}

std::string FrameLedger::Table() const {
  std::string table = "bytes  frames  coroutine\n";
  for (const FrameKind& kind : Seen()) {
    absl::StrAppendFormat(&table, "%5d  %6d  %s\n", kind.size, kind.count, kind.made_by);
  }
  return table;
}

}  // namespace sluice::core::testing
