// Query: one question to name servers, asked by c-ares over sockets that the reactor waits for.
//
//   ASKING ── a socket is ready, or it is time to ask again ──► c-ares reads, asks the next server,
//     │  ▲                                                      or over TCP what was cut short
//     │  └──────────────────────────────────────────────────────────┘ │
//     │ the scope is cancelled                                         │ the answer, or an error
//     ▼                                                                ▼
//   CANCELLED ── its sockets are closed ──► ENDED ◄────────────────────┘
//
// Each question has a channel of its own: its sockets, and what is known of its servers, belong to
// one task, and every question leaves from another port. Sockets are closed by the reactor that the
// task runs on, while no operation on them is under way.
// Threads: inside a task.
#ifndef SLUICE_CORE_IO_RESOLVE_QUERY_H_
#define SLUICE_CORE_IO_RESOLVE_QUERY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/io/resolve/answer.h"
#include "core/io/resolve/options.h"
#include "core/task/task.h"

namespace sluice::core {

class QueryChannel;
struct DestroyQueryChannel {
  void operator()(QueryChannel* channel) const;
};
using QueryChannelPtr = std::unique_ptr<QueryChannel, DestroyQueryChannel>;

// Reads resolv.conf: on a thread that may wait for files.
absl::StatusOr<QueryChannelPtr> MakeQueryChannel(const ResolveOptions& options);

// Errors: as Resolve has them. What there is of the name in files is not looked for.
Task<absl::StatusOr<DnsAnswer>> Query(QueryChannelPtr channel, std::string name, DnsType type);

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_RESOLVE_QUERY_H_
