// HeaderSearch: looks for a PROXY header at the beginning of a client's stream, and takes it off.
//
//              ┌── readable ◄── waits ◄── all that is there is a part of a header: it is taken ──┐
//              ▼                                                                                 │
//     Run ──► LOOK: peek ────────────────────────────────────────────────────────────────────────┘
//              ├─ the rest of a header: exactly that is taken ──► kHeader
//              ├─ no header: what was taken before is held() ───► kNoHeader
//              └─ kMalformed, kUntrusted, kEnd, kError
//
// What is peeked at is never left while it waits again, or the poll would end at once, for ever. So
// it would for an urgent byte that a peek does not see: the descriptor has been prepared for that
// (SocketApi::PrepareStream), as all of a listener are. And nothing behind a header is read, so
// that the rest of the stream goes the way of all bytes.
// A peer that is not trusted is told from the signature alone: of it no more is held than that.
//
// What is held, at most kMaxProxyHeaderRead bytes, counts in limits.buffer_memory as the blocks of
// the reserve that the session has for its two directions and does not use before it relays
// (proxy/memory/buffer_budget.h); with `late` the direction that this holds up uses none either,
// and what it holds beyond its block is the proxy's own.
//
// Threads: inside a task; nothing else reads the descriptor meanwhile.
// Checked by: tests/proxy/session/header_search_test.cc, tests/sim.
#ifndef SLUICE_PROXY_SESSION_HEADER_SEARCH_H_
#define SLUICE_PROXY_SESSION_HEADER_SEARCH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "core/task/task.h"
#include "proxy/identity/proxy_header_in.h"

namespace sluice::proxy {

class HeaderSearch {
 public:
  enum class Found : uint8_t {
    kNothingYet,  // the scope was cancelled first
    kHeader,
    kNoHeader,
    kMalformed,
    kUntrusted,  // a header has begun, and its sender is not trusted
    kEnd,        // of the stream, before any of these
    kError,      // the connection has broken
  };

  HeaderSearch(int fd, bool is_trusted) : fd_(fd), is_trusted_(is_trusted) {}

  // Goes on where it was cancelled. Not once something has been found.
  core::Task<Found> Run();

  size_t held() const { return held_.size(); }
  // Bytes of the stream that have been taken and are no header.
  std::string TakeHeld() { return std::move(held_); }
  bool has_begun() const { return has_begun_; }      // a whole signature has come
  ReceivedProxyHeader& header() { return header_; }  // kHeader
  const char* why() const { return why_; }           // kMalformed
  int error() const { return error_; }               // kError

 private:
  Found Look();
  void MakeSpace(size_t size);
  Found FindIn(size_t before);
  bool Take(size_t bytes);

  const int fd_;
  const bool is_trusted_;
  bool has_begun_ = false;
  int error_ = 0;
  const char* why_ = "";
  std::string held_;
  ReceivedProxyHeader header_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_HEADER_SEARCH_H_
