// Addresses: where the process listens under one configuration: an acceptor for each address.
//
// An address that two configurations have in common keeps its acceptor, so that no connection is
// lost when one takes the other's place. It is found by its text: the listener's name does not
// matter.
//
// In an upgrade two processes share the sockets for a time (upgrade.h):
//
//   predecessor   HandOver ── Stop, Join ──► LeaveTo ──► Join .. AcceptRest close what it has left
//                                   └── Resume, Serve: it has all of them as before
//   successor     Adopt ──► TryBind, for the rest ──► Serve ──► OwnFiles
//
// Inside one task.
#ifndef SLUICE_PROXY_SERVER_ADDRESSES_H_
#define SLUICE_PROXY_SERVER_ADDRESSES_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/config.h"
#include "core/log/logger.h"
#include "core/net/socket_options.h"
#include "core/runtime/handle.h"
#include "core/sync/cancellation.h"
#include "core/task/task.h"
#include "proxy/listener/acceptor.h"
#include "proxy/server/inheritance.h"
#include "proxy/server/topology.h"
#include "proxy/server/upgrade.h"

namespace sluice::proxy {

// An address where a listener cannot listen.
struct BindFailure {
  int error = 0;  // an errno
  std::string listener;
  core::Address address;
  std::string message;  // a sentence with both
};

// One line for each failure, up to a bound.
absl::Status ToStatus(const std::vector<BindFailure>& failures);

// One line about addresses that are in use, all of which are tried again.
std::string DescribeBusy(const std::vector<BindFailure>& failures);

// How each listener of a configuration is to listen, in its order. An error: the owner of its UNIX
// sockets is not known.
using ListenersOptions = std::vector<absl::StatusOr<core::ListenOptions>>;

// May wait for the system's database of users (unix_owner.h), for as long as that likes.
ListenersOptions ListenersOptionsOf(const conf::Config& config);

class Addresses {
 public:
  Addresses() = default;

  // The addresses of `config`, which listen by `options`. Those that `before` has are taken over
  // from it.
  Addresses(const conf::Config& config, ListenersOptions options, core::RuntimeHandle runtime,
            const AcceptContext& context, const Addresses& before);

  // Tries to listen wherever it does not. Returns what it cannot, nothing when it listens
  // everywhere.
  std::vector<BindFailure> TryBind();

  // What a successor needs to listen there. Where it does not listen the descriptor is -1.
  Handover HandOver() const;

  // The successor serves those that are true in `serves`, in the order of HandOver: their files and
  // what is in their queues are its own.
  void LeaveTo(const std::vector<bool>& serves);

  // After Stop and Join: Serve starts to accept again.
  void Resume();

  // Takes over sockets with the same address as one where it does not listen. Returns how many. One
  // that cannot have the options of its listener is not taken.
  size_t Adopt(std::vector<InheritedSocket>& sockets);

  // The files of all UNIX sockets are this process's.
  void OwnFiles();

  // Those that are not in `other`.
  Addresses Without(const Addresses& other) const;

  const ListenersOptions& options() const { return options_; }

  // Addresses that have been taken over and whose socket has other options than the configuration
  // says: it keeps them.
  const std::vector<std::string>& kept_options() const { return kept_options_; }

  // Where it listens: for each listener, in the order of the configuration.
  std::vector<std::vector<core::Address>> Bound() const;

  // Logs where it listens.
  void Log(core::Logger& logger) const;

  // Gives each address to its listener of `topology`, and starts to accept where that has not
  // started. `topology` is of the same configuration.
  void Serve(const Topology& topology);

  // The accept loops end with their present term; then the connections in the kernel's queues are
  // served, and the sockets closed. `hurry`: they need not be served. What has been left to another
  // process is closed only.
  void Stop();
  core::Task<void> Join();
  core::Task<void> AcceptRest(core::CancellationToken hurry);
  void Close();

 private:
  struct Entry {
    size_t listener;   // index
    std::string name;  // of the listener
    std::string text;  // the address, as configured
    std::shared_ptr<Acceptor> acceptor = nullptr;
    bool accepts = false;  // loops have been started
    bool left = false;     // another process serves it
  };

  void TellKeptOptions(const Entry& entry);

  size_t listeners_ = 0;
  ListenersOptions options_;
  std::vector<Entry> entries_;
  std::vector<std::string> kept_options_;
  std::vector<BindFailure> unresolved_;  // listeners whose UNIX socket's owner is unknown
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_ADDRESSES_H_
