#include "proxy/session/header_search.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include "core/base/check.h"
#include "core/io/poll.h"
#include "core/sched/worker.h"

namespace sluice::proxy {

using core::CurrentReactor;
using Found = HeaderSearch::Found;

core::Task<Found> HeaderSearch::Run() {
  for (;;) {
    Found found = Look();
    if (found != Found::kNothingYet) co_return found;
    core::IoResult<uint32_t> ready = co_await core::Poll(fd_, POLLIN);
    if (!ready.ok() && ready.error() == ECANCELED) co_return Found::kNothingYet;
    if (ready.ok() && (*ready & POLLIN) != 0) continue;
    // Broken, and a look that finds nothing would find nothing for ever.
    found = Look();
    if (found != Found::kNothingYet) co_return found;
    error_ = ready.ok() ? ECONNRESET : ready.error();
    co_return Found::kError;
  }
}

Found HeaderSearch::Look() {
  std::array<std::byte, kMaxProxyHeaderRead> bytes;
  SLUICE_DCHECK(held_.size() < bytes.size());
  core::IoResult<size_t> peeked =
      CurrentReactor().PeekNow(fd_, std::span(bytes).first(bytes.size() - held_.size()));
  if (!peeked.ok()) {
    if (peeked.error() == EAGAIN) return Found::kNothingYet;
    error_ = peeked.error();
    return Found::kError;
  }
  if (*peeked == 0) return Found::kEnd;
  const size_t before = held_.size();
  MakeSpace(before + *peeked);
  held_.append(reinterpret_cast<const char*>(bytes.data()), *peeked);
  return FindIn(before);
}

// A string that grows by itself could take twice of what a header may have.
void HeaderSearch::MakeSpace(size_t size) {
  constexpr size_t kSmall = 512;
  if (size <= kSmall || held_.capacity() >= kMaxProxyHeaderRead) return;
  std::string bytes;
  bytes.reserve(kMaxProxyHeaderRead);
  bytes.append(held_);
  held_ = std::move(bytes);
}

// `before`: how much of held_ has been taken from the stream.
Found HeaderSearch::FindIn(size_t before) {
  using State = ProxyHeaderRead::State;
  const ProxyHeaderRead read = ReadProxyHeader(held_, header_);
  has_begun_ = read.has_begun;
  if (read.has_begun && !is_trusted_) return Found::kUntrusted;
  switch (read.state) {
    case State::kNeedMore:
      return Take(held_.size() - before) ? Found::kNothingYet : Found::kError;
    case State::kComplete:
      held_.clear();
      return Take(read.size - before) ? Found::kHeader : Found::kError;
    case State::kNoHeader:
      held_.resize(before);
      return Found::kNoHeader;
    case State::kMalformed:
      why_ = read.why;
      return Found::kMalformed;
  }
  SLUICE_CHECK(false);
}

// They are there.
bool HeaderSearch::Take(size_t bytes) {
  std::array<std::byte, kMaxProxyHeaderRead> taken;
  while (bytes > 0) {
    const size_t read = CurrentReactor().ReadNow(fd_, std::span(taken).first(bytes));
    if (read == 0) {
      error_ = ECONNRESET;
      return false;
    }
    bytes -= read;
  }
  return true;
}

}  // namespace sluice::proxy
