#include "iouring/probe.h"

#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "iouring/abi.h"
#include "iouring/ring.h"

namespace sluice::iouring {
namespace {

constexpr uint32_t kBuffers = 8;
constexpr size_t kBufferSize = 4096;
constexpr uint32_t kCredit = 2 * kBufferSize;

std::string KernelRelease() {
  utsname names;
  return uname(&names) == 0 ? names.release : "unknown";
}

// Sends more than the credit through a socket pair: a kernel that knows it stops in time.
bool RecvCreditWorks(Ring& ring) {
  std::array<int, 2> pair;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return false;
  const auto memory = std::make_unique<std::array<std::byte, kBuffers * kBufferSize>>();
  std::array<core::Buffer, kBuffers> buffers;
  for (uint16_t i = 0; i < kBuffers; ++i) {
    buffers[i].data = memory->data() + i * kBufferSize;
    buffers[i].capacity = kBufferSize;
    ring.AddBuffer(buffers[i], i);
  }
  ring.PublishBuffers();
  std::array<std::byte, kCredit + kBufferSize> bytes{};
  bool ended_at_credit = false;
  if (send(pair[0], bytes.data(), bytes.size(), MSG_NOSIGNAL) == bytes.size()) {
    io_uring_sqe* entry = ring.NextEntry();
    io_uring_prep_recv_multishot(entry, pair[1], nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = kBufferGroup;
    SetRecvCredit(*entry, kCredit);
    size_t received = 0;
    for (bool more = true; more && received < bytes.size();) {
      if (!ring.has_completion()) ring.Enter(std::chrono::milliseconds(100));
      if (!ring.has_completion()) break;
      io_uring_cqe* cqe = nullptr;
      io_uring_peek_cqe(&ring.raw(), &cqe);
      if (cqe->res <= 0) break;
      received += static_cast<size_t>(cqe->res);
      more = (cqe->flags & IORING_CQE_F_MORE) != 0;
      io_uring_cqe_seen(&ring.raw(), cqe);
      ended_at_credit = !more && received == kCredit;
    }
  }
  close(pair[0]);
  close(pair[1]);
  return ended_at_credit;
}

absl::StatusOr<Features> TryRing() {
  absl::StatusOr<std::unique_ptr<Ring>> ring = Ring::Make(8, 64, kBuffers);
  if (!ring.ok()) return absl::UnavailableError(Explain(ring.status()));
  Features features;
  features.recv_credit = RecvCreditWorks(**ring);
  return features;
}

}  // namespace

std::string Explain(const absl::Status& status) {
  std::string detail(status.message());
  std::string disabled;
  std::ifstream("/proc/sys/kernel/io_uring_disabled") >> disabled;
  if (absl::IsPermissionDenied(status)) {
    if (disabled == "1" || disabled == "2") {
      return absl::StrCat("it is switched off by kernel.io_uring_disabled=", disabled);
    }
    return absl::StrCat("the sandbox refuses it (seccomp): ", detail);
  }
  if (absl::IsUnimplemented(status)) {
    return absl::StrCat("the kernel (", KernelRelease(),
                        ") or a sandbox has no io_uring: ", detail);
  }
  if (absl::IsInvalidArgument(status)) {
    return absl::StrCat("the kernel is too old: Linux 6.1 is needed, this is ", KernelRelease());
  }
  const bool lacks_memory = detail.ends_with(strerrordesc_np(ENOMEM));
  if (absl::IsResourceExhausted(status) && lacks_memory) {
    return absl::StrCat("too little memory may be locked (RLIMIT_MEMLOCK): ", detail);
  }
  return detail;
}

// On a thread that ends with its ring. The kernel interrupts the thread that has closed a ring once
// more, some time later (io_ring_exit_work, as a signal would): were that a worker, a multishot
// recv that is just at an urgent mark would be told EAGAIN, and never look again.
absl::StatusOr<Features> Probe() {
  absl::StatusOr<Features> features = absl::UnavailableError("no thread could be started");
  try {
    std::thread([&features] { features = TryRing(); }).join();
  } catch (const std::system_error&) {
  }
  return features;
}

}  // namespace sluice::iouring
