#include "proxy/admin/http/http_server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "core/base/clock.h"
#include "proxy/admin/http/connections.h"
#include "proxy/admin/http/library.h"
#include "proxy/admin/http/mailbox.h"
#include "proxy/admin/http/peer.h"

namespace sluice::proxy {
namespace {

using core::Instant;

constexpr size_t kAcceptsPerRound = 8;
constexpr core::Duration kAcceptPause = 100ms;
constexpr int kTick = 1000;  // ms: how often connections are looked at that may be late
// Of each connection: request line, headers, and what a body is read into.
constexpr size_t kMemoryOfConnection = 16384;
constexpr char kStopped[] = "{\"error\":\"the proxy has stopped\"}\n";

// What is known of a request while it is read.
struct Reading {
  HttpRequest request;
  bool has_begun = false;
  bool is_refused = false;
  std::shared_ptr<Exchange> exchange;  // once the handler has been called
};

class MhdServer final : public HttpServer {
 public:
  MhdServer(HttpLibrary library, std::vector<int> doors, HttpHandler handler)
      : http_(library), doors_(std::move(doors)), handler_(std::move(handler)) {}
  ~MhdServer() override { Stop(); }

  absl::Status Begin();
  void CloseDoors() override { mailbox_->CloseDoors(); }
  void Stop() override;

 private:
  void Run();
  void LeaveDoors();
  bool Wait();
  void Accept(size_t door);
  void Resume(const std::vector<std::shared_ptr<Exchange>>& answered);
  void LetGo(const std::vector<std::shared_ptr<Exchange>>& gone);
  void AnswerAllThatWait();
  MHD_Result On(MHD_Connection* connection, const char* method, const char* body, size_t* size,
                Reading& reading);
  MHD_Result Dispatch(MHD_Connection* connection, Reading& reading);
  MHD_Result Send(MHD_Connection* connection, const HttpResponse& response);
  HttpConnection& ConnectionOf(MHD_Connection* connection) const;
  std::string Header(MHD_Connection* connection, const char* name) const;
  // What the library calls; `self` is this server.
  static MHD_Result OnRequest(void* self, MHD_Connection* connection, const char* url,
                              const char* method, const char* version, const char* body,
                              size_t* size, void** state);
  static void* OnTarget(void* self, const char* target, MHD_Connection* connection);
  static void OnCompleted(void* self, MHD_Connection* connection, void** state,
                          MHD_RequestTerminationCode how);
  static void OnConnection(void* self, MHD_Connection* connection, void** context,
                           MHD_ConnectionNotificationCode what);

  const HttpLibrary http_;
  std::vector<int> doors_;  // none: they are closed
  bool closes_each_ = false;
  bool ends_ = false;  // requests are not taken any more
  const HttpHandler handler_;
  const core::MonotonicClock clock_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  MHD_Daemon* daemon_ = nullptr;
  int epoll_ = -1;  // the library's
  HttpConnections connections_;
  Instant accepts_again_at_;
  std::vector<std::shared_ptr<Exchange>> waiting_;
  std::thread thread_;
};

absl::Status MhdServer::Begin() {
  if (mailbox_->wake() < 0) return absl::ErrnoToStatus(errno, "admin: no descriptor is left");
  const unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME;
  daemon_ = http_.start_daemon(
      flags, 0, nullptr, nullptr, &OnRequest, this, MHD_OPTION_URI_LOG_CALLBACK, &OnTarget, this,
      MHD_OPTION_NOTIFY_COMPLETED, &OnCompleted, this, MHD_OPTION_NOTIFY_CONNECTION, &OnConnection,
      this, MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(kMostConnections),
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kMemoryOfConnection, MHD_OPTION_END);
  if (daemon_ == nullptr) {
    return absl::ResourceExhaustedError("admin: the HTTP server has no memory or descriptors");
  }
  epoll_ = http_.get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error&) {
    http_.stop_daemon(std::exchange(daemon_, nullptr));
    return absl::ResourceExhaustedError("admin: the system is out of threads");
  }
  return absl::OkStatus();
}

void MhdServer::Stop() {
  if (!thread_.joinable()) return;
  mailbox_->Stop();
  thread_.join();
}

void MhdServer::Run() {
  pthread_setname_np(pthread_self(), "admin");
  while (Wait()) {
    http_.run(daemon_);
    connections_.CloseLate(clock_.Now(), kTimeout);
  }
  AnswerAllThatWait();
  http_.run(daemon_);  // writes what the sockets take
  http_.stop_daemon(std::exchange(daemon_, nullptr));
}

// Waits for something to do, and accepts. Returns false when it is to stop.
bool MhdServer::Wait() {
  std::vector<pollfd> waits = {{.fd = mailbox_->wake(), .events = POLLIN, .revents = 0},
                               {.fd = epoll_, .events = POLLIN, .revents = 0}};
  const bool may_accept =
      connections_.size() < kMostConnections && clock_.Now() >= accepts_again_at_;
  for (const int door : doors_) {
    waits.push_back(
        {.fd = door, .events = static_cast<int16_t>(may_accept ? POLLIN : 0), .revents = 0});
  }
  MHD_UNSIGNED_LONG_LONG library_timeout = kTick;
  int timeout = connections_.empty() && may_accept ? -1 : kTick;
  if (http_.get_timeout(daemon_, &library_timeout) == MHD_YES) {
    timeout = static_cast<int>(std::min<MHD_UNSIGNED_LONG_LONG>(library_timeout, kTick));
  }
  if (!may_accept) timeout = std::min(timeout, static_cast<int>(kAcceptPause / 1ms));
  const size_t first_client = waits.size();
  for (const std::shared_ptr<Exchange>& exchange : waiting_) {
    // The library does not look at them meanwhile.
    waits.push_back(
        {.fd = ConnectionOf(exchange->connection).fd, .events = POLLRDHUP, .revents = 0});
  }
  (void)poll(waits.data(), waits.size(), timeout);
  std::vector<std::shared_ptr<Exchange>> gone;
  for (size_t i = 0; i < waiting_.size(); ++i) {
    if (waits[first_client + i].revents != 0) gone.push_back(waiting_[i]);
  }
  std::vector<std::shared_ptr<Exchange>> answered;
  const bool goes_on = mailbox_->Take(answered);
  Resume(answered);
  if (!goes_on) return false;
  LetGo(gone);
  if (mailbox_->closes_doors()) LeaveDoors();
  for (size_t i = 0; i < doors_.size(); ++i) {
    if ((waits[i + 2].revents & POLLIN) != 0) Accept(i);
  }
  return true;
}

void MhdServer::LeaveDoors() {
  if (std::exchange(closes_each_, true)) return;
  doors_.clear();
  connections_.CloseResting();
  mailbox_->TellDoorsClosed();
}

void MhdServer::Accept(size_t door) {
  for (size_t i = 0; i < kAcceptsPerRound && connections_.size() < kMostConnections; ++i) {
    sockaddr_storage address;
    socklen_t size = sizeof(address);
    const int fd = accept4(doors_[door], reinterpret_cast<sockaddr*>(&address), &size,
                           SOCK_CLOEXEC | SOCK_NONBLOCK);
    // Without a descriptor or memory the next one would fail as well, at once.
    if (fd < 0 && errno != EAGAIN) accepts_again_at_ = clock_.Now() + kAcceptPause;
    if (fd < 0) return;
    std::optional<HttpPeer> peer = PeerOf(fd);
    if (!peer) {
      close(fd);
      continue;
    }
    connections_.MakeFree(kMostHeld);
    connections_.Add({.fd = fd, .door = door, .peer = *std::move(peer), .since = clock_.Now()});
    // OnConnection is called meanwhile. What cannot be added is closed by the library.
    const size_t before = connections_.size();
    if (http_.add_connection(daemon_, fd, reinterpret_cast<sockaddr*>(&address), size) != MHD_YES &&
        connections_.size() == before) {
      connections_.RemoveLast();
    }
  }
}

void MhdServer::Resume(const std::vector<std::shared_ptr<Exchange>>& answered) {
  for (const std::shared_ptr<Exchange>& exchange : answered) {
    HttpConnection& connection = ConnectionOf(exchange->connection);
    connection.waits = false;
    connections_.Renew(connection, clock_.Now());  // it has that long to read
    std::erase(waiting_, exchange);
    http_.resume_connection(exchange->connection);
  }
}

// Their clients are not there any more.
void MhdServer::LetGo(const std::vector<std::shared_ptr<Exchange>>& gone) {
  for (const std::shared_ptr<Exchange>& exchange : gone) {
    if (!exchange->GiveUp()) continue;
    exchange->gone->Cancel();
    Resume({exchange});
  }
}

HttpConnection& MhdServer::ConnectionOf(MHD_Connection* connection) const {
  return *static_cast<HttpConnection*>(
      http_.get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context);
}

std::string MhdServer::Header(MHD_Connection* connection, const char* name) const {
  const char* const value = http_.lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? "" : value;
}

void* MhdServer::OnTarget(void* self, const char* target, MHD_Connection* connection) {
  (void)self;
  (void)connection;
  auto* const reading = new Reading;
  reading->request.target = target == nullptr ? "" : target;
  return reading;
}

void MhdServer::OnConnection(void* self, MHD_Connection* connection, void** context,
                             MHD_ConnectionNotificationCode what) {
  (void)connection;
  auto& connections = static_cast<MhdServer*>(self)->connections_;
  if (what == MHD_CONNECTION_NOTIFY_STARTED) {
    *context = &connections.last();
    return;
  }
  connections.Remove(static_cast<const HttpConnection*>(*context));
}

void MhdServer::OnCompleted(void* self, MHD_Connection* connection, void** state,
                            MHD_RequestTerminationCode how) {
  (void)how;
  auto* const server = static_cast<MhdServer*>(self);
  server->connections_.AnswerIsGone(server->ConnectionOf(connection));
  delete static_cast<Reading*>(*state);
  *state = nullptr;
}

MHD_Result MhdServer::OnRequest(void* self, MHD_Connection* connection, const char* url,
                                const char* method, const char* version, const char* body,
                                size_t* size, void** state) {
  (void)url;
  (void)version;
  if (*state == nullptr) return MHD_NO;
  return static_cast<MhdServer*>(self)->On(connection, method, body, size,
                                           *static_cast<Reading*>(*state));
}

// The library calls this when the headers are there, then with each piece of the body, then at the
// end; and once more for a connection that has waited.
MHD_Result MhdServer::On(MHD_Connection* connection, const char* method, const char* body,
                         size_t* size, Reading& reading) {
  HttpRequest& request = reading.request;
  if (!std::exchange(reading.has_begun, true)) {
    request.method = method;
    uint64_t length = 0;
    const std::string announced = Header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    // An answer that comes before the body closes the connection.
    if (absl::SimpleAtoi(announced, &length) && length > kMostBody) {
      reading.is_refused = true;
      return Send(connection, {.status = 413, .body = "{\"error\":\"the body is too large\"}\n"});
    }
    return MHD_YES;
  }
  if (*size > 0) {
    if (request.body.size() + *size > kMostBody) return MHD_NO;  // closes
    request.body.append(body, *size);
    *size = 0;
    return MHD_YES;
  }
  if (reading.is_refused) return MHD_YES;
  return Dispatch(connection, reading);
}

MHD_Result MhdServer::Dispatch(MHD_Connection* connection, Reading& reading) {
  HttpConnection& known = ConnectionOf(connection);
  if (reading.exchange == nullptr) {
    // Bytes that had come before the doors closed may still be read.
    if (ends_ || known.is_closed) return Send(connection, {.status = 503, .body = kStopped});
    connections_.Renew(known, clock_.Now());
    HttpRequest& request = reading.request;
    request.peer = known.peer;
    request.door = known.door;
    request.host = Header(connection, MHD_HTTP_HEADER_HOST);
    request.origin = Header(connection, "Origin");
    request.fetch_site = Header(connection, "Sec-Fetch-Site");
    request.authorization = Header(connection, MHD_HTTP_HEADER_AUTHORIZATION);
    request.content_type = Header(connection, MHD_HTTP_HEADER_CONTENT_TYPE);
    request.accept = Header(connection, MHD_HTTP_HEADER_ACCEPT);
    request.if_none_match = Header(connection, MHD_HTTP_HEADER_IF_NONE_MATCH);
    request.may_wait = waiting_.size() < kMostWaiting;
    reading.exchange = std::make_shared<Exchange>(connection);
    request.gone = reading.exchange->gone;
    handler_(request, [mailbox = mailbox_, exchange = reading.exchange](HttpResponse response) {
      mailbox->Answer(exchange, std::move(response));
    });
  }
  Exchange& exchange = *reading.exchange;
  absl::MutexLock lock(&exchange.mutex);
  if (exchange.response) {
    // The library has a copy; this one goes.
    return Send(connection, *std::exchange(exchange.response, std::nullopt));
  }
  if (exchange.is_answered) return MHD_NO;  // closes
  if (!reading.request.may_wait) {          // the handler has done nothing
    exchange.is_answered = true;
    return Send(
        connection,
        {.status = 503, .body = "{\"error\":\"too many requests wait for what they ask for\"}\n"});
  }
  exchange.waits = known.waits = true;
  waiting_.push_back(reading.exchange);
  http_.suspend_connection(connection);
  return MHD_YES;
}

MHD_Result MhdServer::Send(MHD_Connection* connection, const HttpResponse& response) {
  if (!connections_.TakesAnswer(ConnectionOf(connection), response.body.size())) {
    return Send(connection,
                {.status = 503,
                 .body = "{\"error\":\"too many answers wait for their clients to read them\"}\n"});
  }
  MHD_Response* const made = http_.create_response_from_buffer(
      response.body.size(), const_cast<char*>(response.body.data()), MHD_RESPMEM_MUST_COPY);
  if (made == nullptr) return MHD_NO;
  http_.add_response_header(made, MHD_HTTP_HEADER_CONTENT_TYPE, response.content_type.c_str());
  http_.add_response_header(made, MHD_HTTP_HEADER_CACHE_CONTROL, response.cache_control.c_str());
  http_.add_response_header(made, "X-Content-Type-Options", "nosniff");
  if (closes_each_) http_.add_response_header(made, MHD_HTTP_HEADER_CONNECTION, "close");
  for (const auto& [name, value] : response.headers) {
    http_.add_response_header(made, name.c_str(), value.c_str());
  }
  const MHD_Result queued =
      http_.queue_response(connection, static_cast<unsigned>(response.status), made);
  http_.destroy_response(made);
  return queued;
}

// The library may not be stopped while connections wait. What has been answered meanwhile may not
// be in the mailbox yet, so it is not asked.
void MhdServer::AnswerAllThatWait() {
  ends_ = true;
  const std::vector<std::shared_ptr<Exchange>> waiting = waiting_;
  for (const std::shared_ptr<Exchange>& exchange : waiting) {
    mailbox_->Answer(exchange, {.status = 503, .body = kStopped});
  }
  Resume(waiting);
  http_.run(daemon_);  // asks for the answers
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(std::vector<int> doors,
                                                              HttpHandler handler) {
  absl::StatusOr<HttpLibrary> library = HttpLibrary::Load();
  if (!library.ok()) return library.status();
  auto server = std::make_unique<MhdServer>(*library, std::move(doors), std::move(handler));
  if (absl::Status begun = server->Begin(); !begun.ok()) return begun;
  return server;
}

}  // namespace sluice::proxy
