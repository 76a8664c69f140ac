// ResultOrFailure<T, Failure>: what opening something brought: a value, or a failure that says what
// was tried, on what, and why it failed. NetResult and NamedResult are made of it.
#ifndef SLUICE_CORE_IO_RESULT_OR_FAILURE_H_
#define SLUICE_CORE_IO_RESULT_OR_FAILURE_H_

#include <optional>
#include <string>
#include <utility>

#include "core/base/check.h"

namespace sluice::core {

// A Failure has `error`, an errno, and message(), a sentence.
template <typename T, typename Failure>
class [[nodiscard]] ResultOrFailure {
 public:
  ResultOrFailure(T value) : value_(std::move(value)) {}
  ResultOrFailure(Failure failure) : failure_(std::move(failure)) {
    SLUICE_DCHECK(failure_.error > 0);
  }

  bool ok() const { return value_.has_value(); }
  int error() const { return failure_.error; }                // 0: there is a value
  std::string message() const { return failure_.message(); }  // of an error
  const Failure& failure() const { return failure_; }

  // The value, if there is one (checked).
  T& operator*() { return Value(value_); }
  const T& operator*() const { return Value(value_); }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }

 private:
  static auto& Value(auto& value) {
    SLUICE_CHECK_USE(value.has_value(), "there is no value: ask ok() before");
    return *value;
  }

  std::optional<T> value_;
  Failure failure_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_RESULT_OR_FAILURE_H_
