// GaveUp: whether what an awaitable brought says that it got nothing.
//
// A wait whose scope is cancelled still ends, with a value; whether that value is something it had
// got, which is to be handed on, or only says that it gave up, depends on its type:
//
//   void, bool, std::optional     void: always, there is nothing to lose; false; nothing
//   IoResult<T>, NetResult<T>,    ECANCELED; if it has bytes(), as Transferred, that is 0, too:
//   any type with error()         what has been moved is handed on
//   absl::Status, StatusOr<T>     kCancelled
//   Outcome<T>, and any type      cancelled() is true
//   with cancelled()
//   any other class that can be   it is false: a pointer, a guard of a lock
//   asked `if (value)`
//   all others                    never: an int says nothing, so it is handed on
//
// A coroutine that brings a value of the last kind throws Cancelled (core/task/outcome.h) to say
// that it gave up. Threads: any. Checked by: tests/core/time/with_timeout_test.cc.
#ifndef SLUICE_CORE_TASK_GAVE_UP_H_
#define SLUICE_CORE_TASK_GAVE_UP_H_

#include <cerrno>
#include <concepts>
#include <type_traits>

#include "core/base/result.h"
#include "core/task/awaitable.h"

namespace sluice::core {

namespace internal {

template <typename T>
inline constexpr bool kIsIoResult = false;
template <typename T>
inline constexpr bool kIsIoResult<IoResult<T>> = true;

template <typename T>
concept TellsOfCancellation = requires(const T& value) {
  { value.cancelled() } -> std::same_as<bool>;
};
// An errno.
template <typename T>
concept TellsOfError = requires(const T& value) {
  { value.ok() } -> std::same_as<bool>;
  { value.error() } -> std::same_as<int>;
};
template <typename T>
concept TellsOfBytes = requires(const T& value) {
  { value.bytes() } -> std::integral;
};
// The codes of absl, which is not included here.
template <typename T>
concept IsStatus = requires(const T& value) { value.code() == decltype(value.code())::kCancelled; };
template <typename T>
concept HasStatus = requires(const T& value) {
  { value.status() } -> IsStatus;
};

}  // namespace internal

template <typename T>
bool GaveUp(const T& value) {
  if constexpr (std::is_same_v<T, Unit>) {
    return true;
  } else if constexpr (internal::TellsOfError<T>) {
    if constexpr (internal::TellsOfBytes<T>) {
      if (value.bytes() > 0) return false;
    }
    return value.error() == ECANCELED;
  } else if constexpr (internal::IsStatus<T>) {
    return value.code() == decltype(value.code())::kCancelled;
  } else if constexpr (internal::HasStatus<T>) {
    return GaveUp(value.status());
  } else if constexpr (internal::TellsOfCancellation<T>) {
    return value.cancelled();
  } else if constexpr (std::is_same_v<T, bool> ||
                       (std::is_class_v<T> && std::is_constructible_v<bool, const T&>)) {
    return !static_cast<bool>(value);
  } else {
    return false;
  }
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_GAVE_UP_H_
