// RetiredAddresses: the addresses that the last exchange has taken out of service, until the
// connections in their queues have been served and their sockets are closed.
//
//   EMPTY ── Retire ──► CLOSING (a task of its own) ── Finish ──► EMPTY
//
// One task.
#ifndef SLUICE_PROXY_SERVER_RETIRED_ADDRESSES_H_
#define SLUICE_PROXY_SERVER_RETIRED_ADDRESSES_H_

#include <memory>
#include <optional>
#include <utility>

#include "core/runtime/spawn.h"
#include "core/sync/cancellation.h"
#include "core/task/task.h"
#include "proxy/server/addresses.h"

namespace sluice::proxy {

class RetiredAddresses {
 public:
  // `addresses` have been stopped, and their listeners' term ends. When EMPTY.
  void Retire(Addresses addresses);

  // Waits until all is closed, so that the addresses can be bound again. What a shortage keeps in a
  // queue for longer than a second is reset.
  core::Task<void> Finish();

 private:
  struct Closing {
    explicit Closing(Addresses addresses) : addresses(std::move(addresses)) {}
    core::Task<void> Run();

    Addresses addresses;
    core::CancellationSource hurry;
    core::CancellationSource done;
    std::optional<core::JoinHandle<void>> task;
  };

  std::unique_ptr<Closing> closing_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_RETIRED_ADDRESSES_H_
