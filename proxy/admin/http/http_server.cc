#include "proxy/admin/http/http_server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/net/address.h"
#include "proxy/admin/http/library.h"
#include "proxy/admin/http/mailbox.h"

namespace sluice::proxy {
namespace {

using core::Instant;

constexpr size_t kAcceptsPerRound = 8;
constexpr core::Duration kAcceptPause = 100ms;
constexpr int kTick = 1000;  // ms: how often connections are looked at that may be late
// Of each connection: request line, headers, and what a body is read into.
constexpr size_t kMemoryOfConnection = 16384;

// What is known of a request while it is read.
struct Reading {
  HttpRequest request;
  bool has_begun = false;
  bool is_refused = false;
  std::shared_ptr<Exchange> exchange;  // once the handler has been called
};

struct Connection {
  int fd;
  size_t door;
  HttpPeer peer;
  Instant since;           // it was accepted, or its last request was complete
  bool waits = false;      // for an answer
  bool is_closed = false;  // it was shut down, and the library has yet to see it
};

HttpPeer PeerOf(int fd) {
  const core::Address address = core::Address::From(
      [fd](sockaddr* peer, socklen_t* size) { return getpeername(fd, peer, size); });
  HttpPeer peer;
  if (address.is_ip()) {
    peer.name = address.ToString();
    return peer;
  }
  peer.is_unix = true;
  ucred credentials = {.pid = 0, .uid = static_cast<uid_t>(-1), .gid = 0};
  socklen_t size = sizeof(credentials);
  (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size);
  peer.uid = credentials.uid;
  peer.name = absl::StrCat("uid ", credentials.uid, ", pid ", credentials.pid);
  return peer;
}

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
  void MakeFree();
  void CloseLate();
  void CloseSoon(Connection& connection);
  void ResumeAnswered(const std::vector<std::shared_ptr<Exchange>>& answered);
  void AnswerAllThatWait();
  MHD_Result On(MHD_Connection* connection, const char* method, const char* body, size_t* size,
                Reading& reading);
  MHD_Result Dispatch(MHD_Connection* connection, Reading& reading);
  MHD_Result Send(MHD_Connection* connection, const HttpResponse& response);
  Connection& ConnectionOf(MHD_Connection* connection) const;
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
  const HttpHandler handler_;
  const core::MonotonicClock clock_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  MHD_Daemon* daemon_ = nullptr;
  int epoll_ = -1;                     // the library's
  std::list<Connection> connections_;  // by `since`
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
    CloseLate();
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
  (void)poll(waits.data(), waits.size(), timeout);
  std::vector<std::shared_ptr<Exchange>> answered;
  const bool goes_on = mailbox_->Take(answered);
  ResumeAnswered(answered);
  if (!goes_on) return false;
  if (mailbox_->closes_doors()) LeaveDoors();
  for (size_t i = 0; i < doors_.size(); ++i) {
    if ((waits[i + 2].revents & POLLIN) != 0) Accept(i);
  }
  return true;
}

void MhdServer::LeaveDoors() {
  if (std::exchange(closes_each_, true)) return;
  doors_.clear();
  for (Connection& each : connections_) {
    if (!each.waits && !each.is_closed) CloseSoon(each);
  }
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
    MakeFree();
    connections_.push_back({.fd = fd, .door = door, .peer = PeerOf(fd), .since = clock_.Now()});
    // OnConnection is called meanwhile. What cannot be added is closed by the library.
    const size_t before = connections_.size();
    if (http_.add_connection(daemon_, fd, reinterpret_cast<sockaddr*>(&address), size) != MHD_YES &&
        connections_.size() == before) {
      connections_.pop_back();
    }
  }
}

// Closes the connection that has gone longest without a complete request, if there are many.
void MhdServer::MakeFree() {
  const auto rests = [](const Connection& each) { return !each.waits && !each.is_closed; };
  const auto closed = std::ranges::count_if(connections_, &Connection::is_closed);
  if (connections_.size() - static_cast<size_t>(closed) < kMostHeld) return;
  const auto oldest = std::ranges::find_if(connections_, rests);
  if (oldest != connections_.end()) CloseSoon(*oldest);
}

void MhdServer::CloseLate() {
  const Instant now = clock_.Now();
  for (Connection& each : connections_) {
    if (each.since + kTimeout > now) return;
    if (!each.waits && !each.is_closed) CloseSoon(each);
  }
}

// The library reads an end of stream, and closes.
void MhdServer::CloseSoon(Connection& connection) {
  connection.is_closed = true;
  shutdown(connection.fd, SHUT_RDWR);
}

void MhdServer::ResumeAnswered(const std::vector<std::shared_ptr<Exchange>>& answered) {
  for (const std::shared_ptr<Exchange>& exchange : answered) {
    ConnectionOf(exchange->connection).waits = false;
    std::erase(waiting_, exchange);
    http_.resume_connection(exchange->connection);
  }
}

Connection& MhdServer::ConnectionOf(MHD_Connection* connection) const {
  return *static_cast<Connection*>(
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
    *context = &connections.back();
    return;
  }
  const auto found = std::ranges::find_if(
      connections, [context](const Connection& each) { return &each == *context; });
  if (found != connections.end()) connections.erase(found);
}

void MhdServer::OnCompleted(void* self, MHD_Connection* connection, void** state,
                            MHD_RequestTerminationCode how) {
  (void)self;
  (void)connection;
  (void)how;
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
  Connection& known = ConnectionOf(connection);
  if (reading.exchange == nullptr) {
    known.since = clock_.Now();
    const auto place = std::ranges::find_if(
        connections_, [&known](const Connection& each) { return &each == &known; });
    connections_.splice(connections_.end(), connections_, place);
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
    reading.exchange = std::make_shared<Exchange>(connection);
    handler_(request, [mailbox = mailbox_, exchange = reading.exchange](HttpResponse response) {
      mailbox->Answer(exchange, std::move(response));
    });
  }
  Exchange& exchange = *reading.exchange;
  absl::MutexLock lock(&exchange.mutex);
  if (exchange.response) return Send(connection, *exchange.response);
  if (waiting_.size() >= kMostWaiting) {
    exchange.response = HttpResponse{
        .status = 503, .body = "{\"error\":\"too many requests wait for what they ask for\"}\n"};
    return Send(connection, *exchange.response);
  }
  exchange.waits = known.waits = true;
  waiting_.push_back(reading.exchange);
  http_.suspend_connection(connection);
  return MHD_YES;
}

MHD_Result MhdServer::Send(MHD_Connection* connection, const HttpResponse& response) {
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

// The library may not be stopped while connections wait.
void MhdServer::AnswerAllThatWait() {
  for (const std::shared_ptr<Exchange>& exchange : waiting_) {
    mailbox_->Answer(exchange, {.status = 503, .body = "{\"error\":\"the proxy has stopped\"}\n"});
  }
  std::vector<std::shared_ptr<Exchange>> answered;
  (void)mailbox_->Take(answered);
  ResumeAnswered(answered);
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
