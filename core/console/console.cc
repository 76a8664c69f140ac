#include "core/console/console.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/console/task_json.h"
#include "core/net/address.h"
#include "core/net/socket_api.h"
#include "core/runtime/task_query.h"
#include "core/text/json_escape.h"

namespace sluice::core {
namespace {

constexpr int kMode = 0600;
constexpr int kBacklog = 16;
constexpr char kPath[] = "/api/v1/tasks";

std::string Response(std::string_view status, const std::string& body) {
  return absl::StrCat("HTTP/1.0 ", std::string(status),
                      "\r\nContent-Type: application/json\r\nConnection: close\r\n"
                      "Content-Length: ",
                      body.size() + 1, "\r\n\r\n", body, "\n");
}

std::string ErrorOf(std::string_view status, std::string_view sentence) {
  std::string body = "{\"error\":\"";
  AppendJsonEscaped(sentence, body);
  return Response(status, body + "\"}");
}

// Of %-escapes; nothing if one is broken.
std::optional<std::string> Decoded(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const auto digit = [&](size_t at) -> int {
      if (at >= text.size()) return -1;
      const char c = text[at];
      if (c >= '0' && c <= '9') return c - '0';
      const char lower = static_cast<char>(c | 0x20);
      return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
    };
    const int high = digit(i + 1);
    const int low = digit(i + 2);
    if (high < 0 || low < 0) return std::nullopt;
    plain += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return plain;
}

// Signals are for the program's own threads, but for those that are about what the thread itself
// has done: blocked, they would end the process without its handler.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t set;
    sigfillset(&set);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
      sigdelset(&set, own);
    }
    pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

absl::Status ReadQuery(std::string_view text, TaskQuery& query) {
  const std::vector<std::string> parts =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '&', absl::SkipEmpty());
  for (const std::string& part : parts) {
    const size_t equals = std::min(part.find('='), part.size());
    const std::optional<std::string> value =
        Decoded(std::string_view(part).substr(std::min(equals + 1, part.size())));
    if (!value) return absl::InvalidArgumentError("a % is not followed by two hexadecimal digits");
    const absl::Status set = query.Set(std::string_view(part).substr(0, equals), *value);
    if (!set.ok()) return set;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Console>> Console::Start(const std::string& path,
                                                        RuntimeHandle runtime) {
  if (runtime.shared().watch() == nullptr) {
    return absl::FailedPreconditionError(
        "the runtime does not watch its tasks: set RuntimeOptions::watch.tasks");
  }
  const absl::StatusOr<Address> address = Address::Parse(absl::StrCat("unix:", path));
  if (!address.ok() || !address->has_path()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": the path of a socket is needed"));
  }
  SocketApi sockets;
  SocketFile file;
  IoResult<int> listener =
      sockets.Listen(*address, {.backlog = kBacklog, .unix_mode = kMode}, file);
  if (!listener.ok()) {
    return absl::UnavailableError(
        absl::StrCat(path, ": cannot listen: ", strerrordesc_np(listener.error())));
  }
  fcntl(*listener, F_SETFL, O_NONBLOCK);
  const int stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // From here on its destructor closes what there is.
  std::unique_ptr<Console> console(new Console(runtime, *listener, stop, std::move(file)));
  if (stop < 0) return absl::ResourceExhaustedError("there is no descriptor for the console");
  const SignalsBlocked blocked;  // the thread inherits that
  try {
    console->thread_ = std::make_unique<std::thread>([self = console.get()] { self->Run(); });
  } catch (const std::system_error&) {
    return absl::ResourceExhaustedError("the system starts no thread for the console");
  }
  return console;
}

Console::Console(RuntimeHandle runtime, int listener, int stop, SocketFile file)
    : runtime_(runtime),
      listener_(listener),
      stop_(stop),
      file_(std::move(file)),
      process_(getpid()) {
  clients_.reserve(kMostClients);
  wanted_.reserve(kMostClients + 2);
}

Console::~Console() {
  if (getpid() != process_) {
    (void)thread_.release();  // it is the parent's: here it can be neither joined nor detached
  } else {
    if (thread_ != nullptr) {
      eventfd_write(stop_, 1);
      thread_->join();
    }
    SocketApi().RemoveSocketFile(file_);
  }
  close(listener_);
  if (stop_ >= 0) close(stop_);
}

void Console::Run() {
  pthread_setname_np(pthread_self(), "console");
  for (;;) {
    wanted_.clear();
    wanted_.push_back({stop_, POLLIN, 0});
    Duration wait = 1h;
    const Instant now = clock_.Now();
    for (const Client& client : clients_) {
      const auto events = static_cast<short>(client.answer.empty() ? POLLIN : POLLOUT);
      wanted_.push_back({client.fd, events, 0});
      wait = std::min(wait, std::max<Duration>(client.until - now, 0ns));
    }
    if (clients_.size() < kMostClients) wanted_.push_back({listener_, POLLIN, 0});
    poll(wanted_.data(), wanted_.size(), static_cast<int>(wait / 1ms) + 1);
    if (wanted_[0].revents != 0) break;
    const bool has_more = wanted_.back().fd == listener_ && wanted_.back().revents != 0;
    const Instant later = clock_.Now();
    size_t at = 1;
    std::erase_if(clients_, [&](Client& client) {
      const bool is_ready = wanted_[at++].revents != 0;
      try {
        if (later < client.until && (!is_ready || Advance(client))) return false;
      } catch (const std::bad_alloc&) {  // the program goes on, and this client may ask again
      }
      close(client.fd);
      return true;
    });
    if (has_more) Accept();
  }
  for (const Client& client : clients_) close(client.fd);
}

void Console::Accept() {
  const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    clients_.push_back({.fd = fd, .until = clock_.Now() + kPatience, .request = "", .answer = ""});
    return;
  }
  // Out of descriptors: the one that waits would be told of again at once.
  if (errno != EAGAIN) usleep(10'000);
}

// False: it is over.
bool Console::Advance(Client& client) const {
  if (client.answer.empty() && !Read(client)) return false;
  if (client.answer.empty()) return true;
  const ssize_t sent = send(client.fd, client.answer.data() + client.sent,
                            client.answer.size() - client.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) return errno == EAGAIN || errno == EINTR;
  client.sent += static_cast<size_t>(sent);
  if (client.sent < client.answer.size()) return true;
  shutdown(client.fd, SHUT_WR);
  return false;
}

bool Console::Read(Client& client) const {
  char buffer[kMostRequest];
  const ssize_t got = recv(client.fd, buffer, sizeof(buffer), MSG_DONTWAIT);
  if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
  client.request.append(buffer, static_cast<size_t>(got));
  if (client.request.size() > kMostRequest) {
    client.answer = ErrorOf("431 Request Header Fields Too Large", "the request is too long");
  } else if (client.request.find("\r\n\r\n") != std::string::npos) {
    client.answer = Answer(client.request);
  }
  if (!client.answer.empty()) client.until = clock_.Now() + kPatience;  // making it takes time, too
  return true;
}

std::string Console::Answer(const std::string& request) const {
  const std::string line = request.substr(0, request.find("\r\n"));
  const std::vector<std::string> words = absl::StrSplit(line, ' ');
  if (words.size() != 3) return ErrorOf("400 Bad Request", "that is no request of HTTP");
  if (words[0] != "GET") return ErrorOf("405 Method Not Allowed", "GET is all that there is");
  const size_t mark = std::min(words[1].find('?'), words[1].size());
  if (std::string_view(words[1]).substr(0, mark) != kPath) {
    return ErrorOf("404 Not Found", absl::StrCat("there is ", kPath, " here, and nothing else"));
  }
  TaskQuery query;
  const absl::Status status =
      ReadQuery(std::string_view(words[1]).substr(std::min(mark + 1, words[1].size())), query);
  if (!status.ok()) return ErrorOf("400 Bad Request", std::string(status.message()));
  try {
    return Response("200 OK", *TasksJson(runtime_, query));
  } catch (const std::bad_alloc&) {
    return ErrorOf("503 Service Unavailable", "there is no memory for the list");
  }
}

}  // namespace sluice::core
