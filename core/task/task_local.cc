#include "core/task/task_local.h"

#include <algorithm>
#include <cstddef>

namespace sluice::core {
namespace {

// Of its row, whose words lie as cancel_scope.h draws them.
const CancelScope* Around(const CancelScope& scope) {
  const auto* word = reinterpret_cast<const std::byte*>(&scope);
  while (reinterpret_cast<const CancelScope*>(word)->place() == CancelScope::Place::kInRow) {
    word += sizeof(CancelScope);
  }
  return *reinterpret_cast<const CancelScope* const*>(word + sizeof(CancelScope));
}

// Calls `look(values)` for each scope with values from the inside out, until it returns true.
template <typename Look>
void ForEachScope(const CancelScope& from, Look look) {
  const CancelScope* scope = &from;
  while (scope != nullptr && scope->place() != CancelScope::Place::kOutermost) {
    if (scope->place() != CancelScope::Place::kWithValues) {
      scope = Around(*scope);
      continue;
    }
    const auto& with_values = static_cast<const internal::ValueScope&>(*scope);
    if (look(with_values.values)) return;
    scope = with_values.around;
  }
}

}  // namespace

const void* internal::FindLocal(const CancelScope& scope, const void* key) {
  const void* found = nullptr;
  ForEachScope(scope, [&](std::span<const LocalValue> values) {
    const auto value = std::ranges::find(values, key, &LocalValue::key);
    if (value != values.end()) found = value->value;
    return found != nullptr;
  });
  return found;
}

LocalValues LocalValues::In(const CancelScope& scope) {
  LocalValues copies;
  ForEachScope(scope, [&](std::span<const internal::LocalValue> values) {
    for (const internal::LocalValue& value : values) {
      const auto hidden = [&value](const auto& inner) { return inner.key == value.key; };
      if (std::ranges::any_of(copies.values_, hidden)) continue;
      copies.owned_.push_back(value.copy(value.value));
      copies.values_.push_back({value.key, copies.owned_.back().get(), value.copy});
    }
    return false;
  });
  return copies;
}

}  // namespace sluice::core
