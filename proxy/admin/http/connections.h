// HttpConnections: those that are open, and which of them is closed for being late, or for others.
//
// Closing shuts the socket down: the library reads an end of stream, closes it and has it removed.
// Threads: the server's. Checked by: tests/proxy/admin/connections_test.cc.
#ifndef SLUICE_PROXY_ADMIN_HTTP_CONNECTIONS_H_
#define SLUICE_PROXY_ADMIN_HTTP_CONNECTIONS_H_

#include <cstddef>
#include <list>
#include <utility>

#include "core/base/time.h"
#include "proxy/admin/http/exchange.h"

namespace sluice::proxy {

struct HttpConnection {
  int fd;
  size_t door;
  HttpPeer peer;
  core::Instant since;     // it was accepted, its last request was complete, or it has waited
  bool waits = false;      // for an answer
  bool is_closed = false;  // it was shut down, and the library has yet to see it
  size_t unsent = 0;       // bytes of its answer, which the library keeps until all are sent
};

class HttpConnections {
 public:
  static constexpr size_t kMostUnsent = size_t{16} << 20;
  static constexpr size_t kSmall = 4096;

  size_t size() const { return all_.size(); }
  bool empty() const { return all_.empty(); }
  HttpConnection& last() { return all_.back(); }

  void Add(HttpConnection connection) { all_.push_back(std::move(connection)); }
  void RemoveLast() { all_.pop_back(); }
  void Remove(const HttpConnection* connection);
  // Its request is complete, or it has waited.
  void Renew(HttpConnection& connection, core::Instant now);

  // The connection is to get an answer of `bytes`. False: kMostUnsent are unsent already; then the
  // oldest of those that do not read is closed. Answers of up to kSmall bytes do not count.
  bool TakesAnswer(HttpConnection& connection, size_t bytes);
  // It has been sent, or is dropped.
  void AnswerIsGone(HttpConnection& connection);

  // If as many as `most` are open, closes the one that has gone longest without a complete request.
  void MakeFree(size_t most);
  // Closes those that have gone for `timeout` without a complete request.
  void CloseLate(core::Instant now, core::Duration timeout);
  // Closes all but those that wait for an answer.
  void CloseResting();

 private:
  std::list<HttpConnection> all_;  // by `since`
  size_t unsent_ = 0;              // the sum
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_HTTP_CONNECTIONS_H_
