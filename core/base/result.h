// IoResult<T>: what a call on the data path brought, a value or an errno. Two words, no allocation.
//
// Errors are positive errno values (ECONNRESET, ...); 0 means there is a value.
#ifndef SLUICE_CORE_BASE_RESULT_H_
#define SLUICE_CORE_BASE_RESULT_H_

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/check.h"

namespace sluice::core {

// Makes an IoResult that failed: `return IoError(ECONNRESET);`.
struct IoError {
  explicit IoError(int error_number) : error(error_number) {}
  int error;
};

template <typename T>
class [[nodiscard]] IoResult {
 public:
  IoResult(IoError error) : error_(error.error) { SLUICE_DCHECK(error_ > 0); }
  IoResult(T value) : value_(std::move(value)) {}

  bool ok() const { return error_ == 0; }
  int error() const { return error_; }

  T& operator*() {
    SLUICE_DCHECK(ok());
    if constexpr (kHasDefault) {
      return value_;
    } else {
      return *value_;
    }
  }
  T* operator->() { return &**this; }

 private:
  // Only a T that cannot be made from nothing costs a flag more.
  static constexpr bool kHasDefault = std::default_initializable<T>;
  std::conditional_t<kHasDefault, T, std::optional<T>> value_{};
  int error_ = 0;
};

template <>
class [[nodiscard]] IoResult<void> {
 public:
  IoResult() = default;
  IoResult(IoError error) : error_(error.error) { SLUICE_DCHECK(error_ > 0); }

  bool ok() const { return error_ == 0; }
  int error() const { return error_; }

 private:
  int error_ = 0;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_BASE_RESULT_H_
