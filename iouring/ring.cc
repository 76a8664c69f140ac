#include "iouring/ring.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "core/base/check.h"

namespace sluice::iouring {
namespace {

// Threads of the kernel that may wait at once, for each ring, in its two accounts.
// Opens and files, which are never "not ready" (a disk, the other end of a named pipe): as many as
// a pool for blocking calls has. Else it is four for each CPU, and what these wait for may need one
// more.
constexpr unsigned kMostAtFiles = 512;
// All else: what has been polled for in vain too often, and before Linux 6.4 reads and writes of
// pipes. Else the kernel takes RLIMIT_NPROC, all threads that the user may have: what peers bring
// about could leave the process none for itself. Pipes may wait for one another, so it is twice the
// other; a few rings still leave something of what a service or a container may have (thousands).
// What peers hold counts against all of this account: with so many receives that wait in threads
// (an urgent byte behind a gap), an accept that needs one (uring_accept.cc) waits until one is
// free.
constexpr unsigned kMostAtOthers = 1024;

constexpr useconds_t kRest = 5000;  // microseconds

// The kernel could not even wait (memory is short, a sandbox forbids it): asking again at once
// would only cost CPU time.
void RestAfter(int result) {
  if (result < 0 && result != -EINTR && result != -ETIME) usleep(kRest);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ring>> Ring::Make(uint32_t sq_entries, uint32_t cq_entries,
                                                 uint32_t buffers) {
  std::unique_ptr<Ring> ring(new Ring(buffers));
  io_uring_params params = {};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE |
                 IORING_SETUP_CLAMP;
  params.cq_entries = cq_entries;
  int result = io_uring_queue_init_params(sq_entries, &ring->ring_, &params);
  if (result < 0) {
    ring->ring_.ring_fd = -1;
    return absl::ErrnoToStatus(-result, "io_uring_setup");
  }
  // Saves a descriptor look-up per system call.
  if (io_uring_register_ring_fd(&ring->ring_) == 1) {
    ring->enter_flags_ = IORING_ENTER_REGISTERED_RING;
  }
  unsigned most[] = {kMostAtFiles, kMostAtOthers};
  io_uring_register_iowq_max_workers(&ring->ring_, most);
  // The queue's slots in their order, for Submit: some versions of liburing write this only when
  // they submit themselves.
  io_uring_sq& queue = ring->ring_.sq;
  for (unsigned slot = 0; slot < queue.ring_entries; ++slot) queue.array[slot] = slot;

  void* memory = mmap(nullptr, buffers * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "mmap of a buffer ring");
  ring->buffers_ = static_cast<io_uring_buf_ring*>(memory);
  io_uring_buf_reg reg = {};
  reg.ring_addr = reinterpret_cast<uint64_t>(memory);
  reg.ring_entries = buffers;
  reg.bgid = kBufferGroup;
  result = io_uring_register_buf_ring(&ring->ring_, &reg, 0);
  if (result < 0) return absl::ErrnoToStatus(-result, "io_uring_register of a buffer ring");
  io_uring_buf_ring_init(ring->buffers_);
  return ring;
}

Ring::~Ring() {
  if (ring_.ring_fd >= 0) io_uring_queue_exit(&ring_);
  if (buffers_ != nullptr) munmap(buffers_, buffer_entries_ * sizeof(io_uring_buf));
}

io_uring_sqe* Ring::NextEntry(unsigned together) {
  ++entries_;
  if (!waiting_.empty()) [[unlikely]]
    return &waiting_.emplace_back();
  if (io_uring_sq_space_left(&ring_) < together) [[unlikely]] {
    io_uring_submit(&ring_);
    if (io_uring_sq_space_left(&ring_) < together) return &waiting_.emplace_back();
  }
  return io_uring_get_sqe(&ring_);
}

// Moves as many entries into the queue as the kernel makes room for.
void Ring::QueueWaiting() {
  while (!waiting_.empty()) {
    const unsigned together = (waiting_.front().flags & IOSQE_IO_LINK) != 0 ? 2 : 1;
    if (io_uring_sq_space_left(&ring_) < together) {
      if (io_uring_submit(&ring_) <= 0) return;
      continue;
    }
    *io_uring_get_sqe(&ring_) = waiting_.front();
    waiting_.pop_front();
  }
}

void Ring::AddBuffer(core::Buffer& buffer, uint16_t id) {
  io_uring_buf_ring_add(buffers_, buffer.data, buffer.capacity, id,
                        io_uring_buf_ring_mask(buffer_entries_), pending_buffers_++);
}

void Ring::PublishBuffers() {
  if (pending_buffers_ == 0) return;
  io_uring_buf_ring_advance(buffers_, pending_buffers_);
  pending_buffers_ = 0;
}

// By hand, because io_uring_submit has the kernel bring what it has whenever there is something.
bool Ring::Submit() {
  const unsigned state = IO_URING_READ_ONCE(*ring_.sq.kflags);
  if (!waiting_.empty() || (state & IORING_SQ_CQ_OVERFLOW) != 0) [[unlikely]] {
    return Enter(core::Duration::zero());  // makes room
  }
  const unsigned queued = io_uring_sq_ready(&ring_);
  if (queued == 0) return false;
  ring_.sq.sqe_head = ring_.sq.sqe_tail;
  io_uring_smp_store_release(ring_.sq.ktail, ring_.sq.sqe_tail);
  // What it does not take now stays in the queue for the next call.
  (void)io_uring_enter(static_cast<unsigned>(ring_.enter_ring_fd), queued, 0, enter_flags_,
                       nullptr);
  return true;
}

bool Ring::Enter(std::optional<core::Duration> timeout) {
  if (!waiting_.empty()) [[unlikely]] {
    QueueWaiting();
    if (!waiting_.empty()) {  // no time to sleep: what completes now makes room
      RestAfter(io_uring_submit_and_get_events(&ring_));
      return true;
    }
  }
  if (!timeout.has_value()) {
    RestAfter(io_uring_submit_and_wait(&ring_, 1));
    return true;
  }
  if (*timeout > core::Duration::zero()) {
    __kernel_timespec limit = {.tv_sec = timeout->count() / 1'000'000'000,
                               .tv_nsec = timeout->count() % 1'000'000'000};
    io_uring_cqe* unused;
    RestAfter(io_uring_submit_and_wait_timeout(&ring_, &unused, 1, &limit, nullptr));
    return true;
  }
  const unsigned flags = IO_URING_READ_ONCE(*ring_.sq.kflags);
  if (io_uring_sq_ready(&ring_) == 0 &&
      (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) == 0) {
    return false;
  }
  io_uring_submit_and_get_events(&ring_);
  return true;
}

}  // namespace sluice::iouring
