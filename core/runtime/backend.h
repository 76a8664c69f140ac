// Backend: which interface of the kernel the workers of a runtime use: io_uring or epoll.
//
//     Runtime runtime({.workers = 2, .backend = Backend::kEpoll});   // kAuto: io_uring if possible
//     absl::StatusOr<ChosenBackend> chosen = ChooseBackend(Backend::kAuto);   // to know it before
//
// Both offer the same. kAuto takes io_uring unless the kernel, a sandbox or a limit forbids it;
// then it takes epoll, and ChosenBackend::warning says why, in one sentence. The probe makes one
// small ring and the workers need large ones, so that the choice may turn out wrong when a runtime
// starts: FallBack says what takes its place then, and a Runtime that was made without reactors
// asks it by itself.
//
// This is the only file of core/ that names io_uring and epoll. Threads: any.
// Checked by: tests/core/runtime/backend_test.cc, tests/e2e (test_backend).
#ifndef SLUICE_CORE_RUNTIME_BACKEND_H_
#define SLUICE_CORE_RUNTIME_BACKEND_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/reactor/reactor.h"

namespace sluice::core {

enum class Backend : uint8_t { kAuto, kIoUring, kEpoll };

struct ChosenBackend {
  std::string name{};      // "io_uring" or "epoll"
  std::string features{};  // what the kernel offers it
  std::string warning{};   // why kAuto did not take io_uring; else empty
  ReactorFactory make_reactor{};
};

// Descriptors with larger numbers no backend can take.
inline constexpr uint64_t kMaxDescriptors = uint64_t{1} << 25;

// UNAVAILABLE, with the reason, when kIoUring is asked for and cannot be had; so are the errors of
// its make_reactor.
absl::StatusOr<ChosenBackend> ChooseBackend(Backend wanted);

// What takes the place of `chosen`, whose reactors could not be made because of `reason`. None when
// `wanted` leaves no choice, or another backend would meet the same want.
std::optional<ChosenBackend> FallBack(Backend wanted, const ChosenBackend& chosen,
                                      const absl::Status& reason);

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_BACKEND_H_
