#include "proxy/observe/events.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace sluice::proxy {
namespace {

// At most so many bytes; no character of UTF-8 is cut in two.
std::string Cut(std::string_view text) {
  constexpr std::string_view kMark = "...";
  if (text.size() <= Events::kMostText) return std::string(text);
  size_t size = Events::kMostText - kMark.size();
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return std::string(text.substr(0, size)).append(kMark);
}

}  // namespace

void Events::Keep(const EventSubject& subject, core::LogLevel level, std::string_view text) {
  Event event{.at = std::chrono::system_clock::now(),
              .kind = subject.kind,
              .level = level,
              .upstream = Cut(subject.upstream),
              .endpoint = Cut(subject.endpoint),
              .who = Cut(subject.who),
              .text = Cut(text)};
  {
    Event gone;  // is freed after the lock
    absl::MutexLock lock(&mutex_);
    event.id = ++last_;
    if (ring_.size() == kMost) {
      gone = std::move(ring_.front());
      ring_.pop_front();
    }
    ring_.push_back(std::move(event));
    SLUICE_DCHECK(ring_.front().id + ring_.size() - 1 == last_);  // E1
  }
  changed_.All();
}

void Events::TellLines(const EventSubject& subject, core::LogLevel level,
                       const std::vector<std::string>& lines) {
  for (size_t i = 0; i < lines.size(); ++i) {
    if (logger_.enabled(level)) logger_.Write(level, lines[i]);
    if (i < kMostLines) Keep(subject, level, lines[i]);
  }
  if (lines.size() > kMostLines) {
    Keep(subject, level, absl::StrCat("and ", lines.size() - kMostLines, " more lines in the log"));
  }
}

Events::Page Events::From(size_t first, size_t most) const {
  Page page;
  const size_t end = first + std::min(most, ring_.size() - first);
  page.events.assign(ring_.begin() + static_cast<ptrdiff_t>(first),
                     ring_.begin() + static_cast<ptrdiff_t>(end));
  page.last = page.events.empty() ? last_ : page.events.back().id;
  return page;
}

Events::Page Events::After(uint64_t id, size_t most) const {
  absl::ReaderMutexLock lock(&mutex_);
  const uint64_t oldest = last_ + 1 - ring_.size();
  if (id == 0 || id >= oldest - 1) {
    const uint64_t skipped = id < oldest ? 0 : std::min<uint64_t>(id - oldest + 1, ring_.size());
    Page page = From(skipped, most);
    if (id == 0) page.lost = oldest - 1;
    return page;
  }
  Page page = From(0, most);
  page.lost = oldest - id - 1;
  return page;
}

Events::Page Events::Last(size_t most) const {
  absl::ReaderMutexLock lock(&mutex_);
  return From(ring_.size() - std::min(most, ring_.size()), most);
}

}  // namespace sluice::proxy
