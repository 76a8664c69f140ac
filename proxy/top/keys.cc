#include "proxy/top/keys.h"

#include <limits>

namespace sluice::proxy {
namespace {

using Kind = TopKey::Kind;

constexpr size_t kMostTyped = 64;

size_t Before(size_t index, size_t rows) { return index < rows ? 0 : index - rows; }

}  // namespace

std::optional<size_t> MovedBy(TopKey key, size_t index, size_t page) {
  switch (key.kind) {
    case Kind::kUp:
      return Before(index, 1);
    case Kind::kDown:
      return index + 1;
    case Kind::kPageUp:
      return Before(index, page);
    case Kind::kPageDown:
      return index + page;
    case Kind::kHome:
      return 0;
    case Kind::kEnd:
      return std::numeric_limits<size_t>::max();
    case Kind::kText:
      if (key.text == 'j') return index + 1;
      if (key.text == 'k') return Before(index, 1);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

void TypeInto(std::string& typed, TopKey key) {
  if (key.kind == Kind::kBackspace && !typed.empty()) typed.pop_back();
  if (key.kind == Kind::kText && typed.size() < kMostTyped) typed += key.text;
}

}  // namespace sluice::proxy
