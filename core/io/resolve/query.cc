#include "core/io/resolve/query.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/time.h"
#include "core/combine/unordered.h"
#include "core/io/poll.h"
#include "core/io/resolve/library.h"
#include "core/reactor/reactor.h"
#include "core/time/sleep.h"

namespace sluice::core {
namespace {

constexpr int kClassIn = 1;
constexpr Duration kLongestPause = 1s;
constexpr Duration kPauseAfterFailure = 10ms;
constexpr size_t kMostSockets = ARES_GETSOCK_MAXNUM;

// c-ares' sockets are ours, so that the reactor knows of their end.
ares_socket_t OpenSocket(int family, int type, int protocol, void*) {
  return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}
int CloseSocket(ares_socket_t fd, void*) {
  if (Reactor* const reactor = Reactor::Current()) {
    reactor->Close(fd);
    return 0;
  }
  return close(fd);
}
int ConnectSocket(ares_socket_t fd, const sockaddr* address, ares_socklen_t size, void*) {
  return connect(fd, address, size);
}
ares_ssize_t ReceiveFrom(ares_socket_t fd, void* data, size_t size, int flags, sockaddr* from,
                         ares_socklen_t* from_size, void*) {
  return recvfrom(fd, data, size, flags, from, from_size);
}
// A server that has gone is no reason for a signal.
ares_ssize_t SendVector(ares_socket_t fd, const iovec* parts, int count, void*) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<size_t>(count);
  return sendmsg(fd, &message, MSG_NOSIGNAL);
}
constexpr ares_socket_functions kSocketFunctions = {.asocket = OpenSocket,
                                                    .aclose = CloseSocket,
                                                    .aconnect = ConnectSocket,
                                                    .arecvfrom = ReceiveFrom,
                                                    .asendv = SendVector};

std::string ServersText(const std::vector<Address>& servers) {
  std::string text;
  for (const Address& server : servers) {
    absl::StrAppend(&text, text.empty() ? "" : ",",
                    server.port() == 0 ? server.WithPort(53).ToString() : server.ToString());
  }
  return text;
}

// What has become of one wait.
struct Waited {
  bool is_cancelled = false;
  bool has_failed = false;
  int fd = ARES_SOCKET_BAD;  // that is ready, or none: it is time
  bool may_read = false;
  bool may_write = false;
};

Task<Waited> WaitForSocket(int fd, bool writes) {
  const IoResult<uint32_t> ready = co_await Poll(fd, writes ? POLLOUT : POLLIN);
  if (!ready.ok()) {
    co_return Waited{.is_cancelled = ready.error() == ECANCELED,
                     .has_failed = ready.error() != ECANCELED};
  }
  co_return Waited{.fd = fd, .may_read = !writes, .may_write = writes};
}

Task<Waited> WaitForTime(Duration pause) {
  const bool is_over = co_await Sleep(pause);
  co_return Waited{.is_cancelled = !is_over};
}

}  // namespace

// The library's channel, and what it has brought.
class QueryChannel {
 public:
  QueryChannel(const ResolveLibrary& library, bool searches)
      : library_(library), searches_(searches) {}
  QueryChannel(const QueryChannel&) = delete;
  QueryChannel& operator=(const QueryChannel&) = delete;
  ~QueryChannel() {
    if (channel_ != nullptr) library_.destroy(channel_);
  }

  int Init(const ResolveOptions& options) {
    ares_options wanted{};
    wanted.flags = ARES_FLAG_NOALIASES;
    wanted.timeout = static_cast<int>(options.timeout / 1ms);
    wanted.tries = static_cast<int>(options.tries);
    std::string resolv_conf = options.resolv_conf;
    wanted.resolvconf_path = resolv_conf.data();
    const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_RESOLVCONF;
    int error = library_.init_options(&channel_, &wanted, mask);
    if (error != ARES_SUCCESS) {
      channel_ = nullptr;
      return error;
    }
    if (!options.servers.empty()) {
      error = library_.set_servers_ports_csv(channel_, ServersText(options.servers).c_str());
    }
    library_.set_socket_functions(channel_, &kSocketFunctions, nullptr);
    return error;
  }

  void Ask(const std::string& name, DnsType type) {
    const auto ask = searches_ ? library_.search : library_.query;
    ask(channel_, name.c_str(), kClassIn, static_cast<int>(type), &Answered, this);
  }
  void Cancel() { library_.cancel(channel_); }

  // Until a socket is ready, or it is time to ask again.
  Task<Waited> Wait() {
    Unordered<Waited> waits;
    std::array<ares_socket_t, kMostSockets> sockets;
    const int bits = library_.getsock(channel_, sockets.data(), sockets.size());
    for (size_t i = 0; i < sockets.size(); ++i) {
      const bool writes = ARES_GETSOCK_WRITABLE(static_cast<unsigned>(bits), i) != 0;
      const bool reads = ARES_GETSOCK_READABLE(static_cast<unsigned>(bits), i) != 0;
      if (reads || writes) waits.Add(WaitForSocket(sockets[i], writes));
    }
    waits.Add(WaitForTime(Pause()));
    const std::optional<Waited> first = co_await waits.Next();
    co_await waits.Drain();
    co_return first.value_or(Waited{});
  }

  void GoOn(const Waited& waited) {
    library_.process_fd(channel_, waited.may_read ? waited.fd : ARES_SOCKET_BAD,
                        waited.may_write ? waited.fd : ARES_SOCKET_BAD);
  }

  bool is_done() const { return is_done_; }
  int error() const { return error_; }
  const std::vector<uint8_t>& answer() const { return answer_; }

 private:
  static void Answered(void* self, int error, int /*timeouts*/, unsigned char* data, int size) {
    QueryChannel& channel = *static_cast<QueryChannel*>(self);
    channel.is_done_ = true;
    channel.error_ = error;
    if (error == ARES_SUCCESS && data != nullptr) channel.answer_.assign(data, data + size);
  }

  Duration Pause() const {
    timeval most{.tv_sec = 1, .tv_usec = 0};
    timeval time{};
    const timeval* const next = library_.timeout(channel_, &most, &time);
    if (next == nullptr) return kLongestPause;
    const Duration pause = std::chrono::seconds(next->tv_sec) +
                           std::chrono::microseconds(next->tv_usec) + Duration(1ms);
    return std::clamp<Duration>(pause, 1ms, kLongestPause);
  }

  const ResolveLibrary& library_;
  const bool searches_;
  ares_channel channel_ = nullptr;
  bool is_done_ = false;
  int error_ = ARES_SUCCESS;
  std::vector<uint8_t> answer_;
};

void DestroyQueryChannel::operator()(QueryChannel* channel) const { delete channel; }

namespace {

// What an answer without what was asked for says of `name`.
absl::Status ErrorOf(int error, const std::string& name) {
  switch (error) {
    case ARES_ENOTFOUND:
      return absl::NotFoundError(absl::StrCat("there is no name ", name));
    case ARES_ENODATA:
      return absl::NotFoundError(absl::StrCat(name, " has no such record"));
    case ARES_EBADNAME:
    case ARES_EBADQUERY:
      return absl::InvalidArgumentError(absl::StrCat(name, " is no name"));
    case ARES_ETIMEOUT:
      return absl::UnavailableError("no name server has answered in time");
    case ARES_ECONNREFUSED:
      return absl::UnavailableError("no name server can be reached, or answers without an error");
    case ARES_ESERVFAIL:
      return absl::UnavailableError("the name server has failed (SERVFAIL)");
    case ARES_EREFUSED:
      return absl::UnavailableError("the name server does not answer this question (REFUSED)");
    case ARES_ENOTIMP:
    case ARES_EFORMERR:
      return absl::UnavailableError("the name server does not understand the question");
    case ARES_EBADRESP:
      return absl::UnavailableError("the name server's answer is broken");
    case ARES_ENOMEM:
      return absl::ResourceExhaustedError("out of memory");
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
      return absl::CancelledError();
    default:
      return absl::UnavailableError(absl::StrCat("c-ares has failed with its error ", error));
  }
}

}  // namespace

absl::StatusOr<QueryChannelPtr> MakeQueryChannel(const ResolveOptions& options) {
  const absl::StatusOr<const ResolveLibrary*> library = ResolveLibrary::Get();
  if (!library.ok()) return library.status();
  QueryChannelPtr channel(new QueryChannel(**library, /*searches=*/options.servers.empty()));
  if (const int error = channel->Init(options); error != ARES_SUCCESS) {
    return error == ARES_ENOMEM
               ? absl::ResourceExhaustedError("out of memory")
               : absl::UnavailableError(absl::StrCat("c-ares cannot begin: its error ", error));
  }
  return channel;
}

Task<absl::StatusOr<DnsAnswer>> Query(QueryChannelPtr channel, std::string name, DnsType type) {
  channel->Ask(name, type);
  while (!channel->is_done()) {
    const Waited waited = co_await channel->Wait();
    if (waited.is_cancelled) {
      channel->Cancel();
      break;
    }
    if (waited.has_failed && !co_await Sleep(kPauseAfterFailure)) continue;
    channel->GoOn(waited);
  }
  if (channel->error() != ARES_SUCCESS) co_return ErrorOf(channel->error(), name);
  std::optional<DnsAnswer> answer = ParseAnswer(channel->answer(), type);
  if (!answer) co_return ErrorOf(ARES_EBADRESP, name);
  if (answer->is_empty()) co_return ErrorOf(ARES_ENODATA, name);
  co_return *std::move(answer);
}

}  // namespace sluice::core
