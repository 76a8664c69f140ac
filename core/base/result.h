// IoResult<T>: what a call on the data path brought, a value or an errno. Two words, no allocation.
//
//     for (auto job = co_await jobs.Next(); job.ok(); job = co_await jobs.Next()) Do(*job);
//
// Errors are positive errno values (ECONNRESET, ...); 0 means there is a value. The value of an
// error is not to be asked for: builds without NDEBUG check that, and all do if T cannot be made
// from nothing; else it is a T().
// It is no condition by itself, `while (auto got = co_await stream.Read(bytes))`: a read of 0 bytes
// and a line that is none, where a stream ends, are values, and such a loop would not end there.
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

  T& operator*() { return Value(*this); }
  const T& operator*() const { return Value(*this); }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }

 private:
  template <typename Self>
  static auto& Value(Self& self) {
    if constexpr (kHasDefault) {
      SLUICE_DCHECK(self.ok());
      return self.value_;
    } else {
      SLUICE_CHECK_USE(self.ok(), "there is no value: ask ok() before");
      return *self.value_;
    }
  }

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
