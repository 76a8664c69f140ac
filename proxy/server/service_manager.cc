#include "proxy/server/service_manager.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/io/poll.h"
#include "core/net/address.h"
#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/time/sleep.h"

namespace sluice::proxy {

namespace {

// The successor waits a little longer for this one (inheritance.cc), and is not heard before.
constexpr core::Duration kPatienceForPid = 1s;

constexpr char kCannotTell[] = "cannot tell the service manager";

// Another process may be faster than this one and take the room that there was.
constexpr int kMostAttempts = 100;

// Returns an errno, as all of these do.
int Connect(int fd, const core::Address& address) {
  return connect(fd, address.get(), address.size()) == 0 ? 0 : errno;
}

int Send(int fd, std::string_view state, int descriptor) {
  iovec bytes = {.iov_base = const_cast<char*>(state.data()), .iov_len = state.size()};
  msghdr message = {};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  }
  return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ? 0 : errno;
}

core::Task<int> SendWhenThereIsRoom(int fd, std::string_view state, int descriptor) {
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    core::IoResult<uint32_t> ready = co_await core::Poll(fd, POLLOUT);
    if (!ready.ok()) break;
    const int error = Send(fd, state, descriptor);
    if (error != EAGAIN) co_return error;
  }
  co_return EAGAIN;
}

absl::Status ToStatus(int error) {
  return error == 0 ? absl::OkStatus() : absl::ErrnoToStatus(error, kCannotTell);
}

}  // namespace

ServiceManager FindServiceManager(bool is_successor) {
  ServiceManager manager;
  const char* const socket = std::getenv("NOTIFY_SOCKET");
  if (socket == nullptr || *socket == '\0') return manager;
  manager.socket = socket;
  const char* const time = std::getenv("WATCHDOG_USEC");
  const char* const process = std::getenv("WATCHDOG_PID");
  int pid = 0;
  const bool is_meant =
      process == nullptr || is_successor || (absl::SimpleAtoi(process, &pid) && pid == getpid());
  uint64_t microseconds = 0;
  constexpr uint64_t kMost = uint64_t{366} * 24 * 3600 * 1'000'000;
  if (time == nullptr || !is_meant || !absl::SimpleAtoi(time, &microseconds)) return manager;
  manager.watchdog = std::chrono::microseconds(std::min(microseconds, kMost));
  return manager;
}

absl::Status NotifyServiceManager(const std::string& socket, std::string_view state,
                                  int descriptor) {
  const absl::StatusOr<core::Address> address = core::Address::Parse(absl::StrCat("unix:", socket));
  if (!address.ok()) return address.status();
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return ToStatus(errno);
  int error = Connect(fd, *address);
  if (error == 0) error = Send(fd, state, descriptor);
  close(fd);
  return ToStatus(error);
}

// A socket that is connected, and no other, becomes writable when the receiver has room.
core::Task<absl::Status> NotifyPatiently(std::string socket, std::string state, int descriptor,
                                         core::Duration patience) {
  const absl::StatusOr<core::Address> address = core::Address::Parse(absl::StrCat("unix:", socket));
  if (!address.ok()) co_return address.status();
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return ToStatus(errno);
  int error = Connect(fd, *address);
  if (error == 0) error = Send(fd, state, descriptor);
  if (error == EAGAIN && patience > 0s) {
    auto outcome =
        co_await core::Select(core::Named<"told">(SendWhenThereIsRoom(fd, state, descriptor)),
                              core::Named<"late">(core::Sleep(patience)));
    error = outcome.Get<"told">();
  }
  core::CurrentReactor().Close(fd);  // which may know it
  co_return ToStatus(error);
}

core::Task<absl::Status> TellOfSuccessor(std::string socket, pid_t successor) {
  if (socket.empty()) co_return absl::OkStatus();
  co_return co_await NotifyPatiently(std::move(socket), absl::StrCat("MAINPID=", successor),
                                     /*descriptor=*/-1, kPatienceForPid);
}

}  // namespace sluice::proxy
