// Admission: whether a listener may take one more connection; Ticket: what it then holds.
//
// Asked in this order, and all or nothing: the memory, the client's source, the connections of all
// listeners, those of this one, the new connections per second of both. (The table of sources may
// allocate, so memory comes first.)
//
// Taken in another order, so that a crowd over one limit takes nothing from others, not even for a
// moment:
//
//   look whether there is a free slot ─► take from the rates ─► take the slots ─► admitted
//        │ none: rejected                  │ used up: rejected      │ just taken by another:
//        ▼                                 ▼                        ▼ the rates are given back
//
// A client over the rate never holds a slot; one that finds all slots taken never uses up the rate.
#ifndef SLUICE_PROXY_ADMISSION_ADMISSION_H_
#define SLUICE_PROXY_ADMISSION_ADMISSION_H_

#include "conf/config.h"
#include "core/base/clock.h"
#include "core/net/socket_api.h"
#include "core/time/token_bucket.h"
#include "proxy/admission/connection_limit.h"
#include "proxy/admission/placement.h"
#include "proxy/admission/source_limit.h"
#include "proxy/memory/heap_reserve.h"
#include "proxy/observe/refusal.h"

namespace sluice::proxy {

// Given back when it goes.
struct Ticket {
  LimitSlot connections = {};
  SourceSlot source = {};
  Place place = {};  // the listener's doing
};

struct Verdict {
  Refusal refusal = Refusal::kNone;
  Ticket ticket = {};               // unless refused
  ConnectionLimit* full = nullptr;  // kConnections, kListener, kBuffers: who has no room
  core::Nanos retry_in = 0;         // kRate, kMemory: before that it is no use
};

// Any thread.
class Admission {
 public:
  // The limits of all listeners and the reserve outlive it. `all_is_full`: what a client hears when
  // `all` is, kConnections or kBuffers: the smaller of the two decides.
  Admission(const conf::Listener& config, ConnectionLimit& all, Refusal all_is_full,
            core::TokenBucket& all_rate, HeapReserve& reserve)
      : reserve_(reserve),
        all_(all),
        all_is_full_(all_is_full),
        all_rate_(all_rate),
        own_(config.max_connections),
        own_rate_(config.new_connections),
        sources_(config.per_source) {}

  // Whether Try wants to know who the client is: that costs a system call.
  bool needs_client() const { return sources_.limited(); }

  Verdict Try(const core::Address& client, core::Nanos now);

 private:
  Verdict Full(ConnectionLimit& limit) const;
  core::Nanos TakeFromRates(core::Nanos now);

  HeapReserve& reserve_;
  ConnectionLimit& all_;
  const Refusal all_is_full_;
  core::TokenBucket& all_rate_;
  ConnectionLimit own_;
  core::TokenBucket own_rate_;
  SourceLimit sources_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMISSION_ADMISSION_H_
