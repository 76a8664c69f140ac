// FirstRead: what a client has sent before it is connected, and where that says that it goes
// (proxy/route/preread.h), by the configuration that is in force when it is said.
//
//   FirstRead first(context, held);
//   while (!first.Look(stream) && co_await stream.More(first.seen())) {
//   }
//   ...                                        // the stream is taken over: it is in `head`
//   first.Conclude(head.read, time_is_over);
//   first.decision(), first.target()           // not kMore any more
//
// A reload may come at any moment, also while the stream is taken over. Then all that has come is
// looked at again by the new routes. Where these would have to wait for more and nothing more is
// read, what had been decided before stands; where nothing had been, what is there decides.
//
// Threads: the session's. Checked by: tests/proxy/session/first_read_test.cc.
#ifndef SLUICE_PROXY_SESSION_FIRST_READ_H_
#define SLUICE_PROXY_SESSION_FIRST_READ_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "core/base/intrusive_ptr.h"
#include "core/io/recv_stream.h"
#include "core/reactor/buffer_pool.h"
#include "proxy/route/preread.h"
#include "proxy/session/routing.h"

namespace sluice::proxy {

class FirstRead {
 public:
  using Context = core::IntrusivePtr<const SessionContext>;
  using Decision = Preread::Decision;

  // `before`: what was taken of the stream before. It outlives this.
  FirstRead(Context context, std::string_view before);

  // Looks at what has arrived since the last time. Returns true if nothing else is waited for.
  bool Look(const core::RecvStream& stream);

  // Once nothing else comes; `read`: all that has. It may be another context afterwards.
  void Conclude(std::span<const core::BufferLease> read, bool time_is_over);

  size_t seen() const { return seen_; }  // bytes of the stream
  bool is_late() const { return is_late_; }
  const Decision& decision() const { return reading_->decision; }
  const Context& context() const { return reading_->context; }
  // Whose settings the session goes on with.
  const SessionContext& target() const;
  std::string_view route() const;
  // Null: the listener has no routes.
  const ClientHello* hello() const {
    return reading_->preread ? &reading_->preread->hello() : nullptr;
  }

 private:
  // What one configuration makes of it.
  struct Reading {
    Reading(Context by, std::string_view before);
    bool is_decided() const { return decision.kind != Decision::Kind::kMore; }
    void Feed(std::span<const std::byte> bytes);

    Context context;
    std::optional<Preread> preread;  // none: the listener has no routes, or none any more
    Decision decision;
  };

  // Null: it is in force.
  Context OtherInForce() const;
  void FeedNew(const core::RecvStream& stream);

  const std::string_view before_;
  std::optional<Reading> reading_;  // there is always one; it is made again, not assigned
  size_t seen_ = 0;
  bool is_short_ = false;
  bool is_late_ = false;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_FIRST_READ_H_
