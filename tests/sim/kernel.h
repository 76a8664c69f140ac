// Kernel: the proxy's descriptors over the simulated network, shared by all simulated workers.
//
// A descriptor has one slot per direction for the op that waits on it (R1); when something changes
// there, the reactor that the op was submitted to is told and goes on with it at its next Turn.
// What the proxy does wrong with a descriptor (two ops at once, a close under an op, a use after
// close) fails the simulation.
#ifndef SLUICE_TESTS_SIM_KERNEL_H_
#define SLUICE_TESTS_SIM_KERNEL_H_

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <vector>

#include "core/net/socket_api.h"
#include "core/reactor/op.h"
#include "core/sched/worker.h"
#include "tests/sim/checker.h"
#include "tests/sim/network.h"

namespace sluice::sim {

class SimReactor;

enum Direction : uint8_t { kIn = 0, kOut = 1 };

struct OpSlot {
  core::Op* op = nullptr;
  SimReactor* reactor = nullptr;
  bool completion_style = false;
  bool starved = false;
  bool ended = false;   // its last completion waits to be reaped
  bool queued = false;  // the reactor is going to look at it
  int64_t credit_left = 0;
};

struct Listening {
  std::deque<Socket*> backlog;
  int descriptors = 0;
};

struct Descriptor {
  enum class Kind : uint8_t { kFree, kListener, kFresh, kConnecting, kSocket, kClosing };
  Kind kind = Kind::kFree;
  bool reset_on_close = false;
  int connect_result = 1;  // 1: not known yet
  uint64_t life = 0;
  core::Instant since = {};  // of the connect
  Socket* socket = nullptr;
  Listening* listening = nullptr;
  core::Runnable* task = nullptr;  // the task that connected it
  Session* session = nullptr;      // an upstream's: whose it is
  bool placed = false;             // it counts as a connection to an endpoint
  bool is_probe = false;           // of a check, or to an agent
  Probe* probe = nullptr;          // once it connects
  std::array<OpSlot, 2> slots = {};
};

class Kernel final : public SocketUser {
 public:
  static constexpr int kFirst = 100000;  // below: real ones (the signal stream)

  Kernel(const Scenario& scenario, Network& network, Checker& checker, Trace& trace)
      : scenario_(scenario),
        network_(network),
        checker_(checker),
        trace_(trace),
        random_(scenario.options.seed, 3) {}

  // The world's side.
  // False: there is no listener.
  bool ClientArrives(Socket& proxy_side);
  std::function<void(Socket& server_side, Socket& proxy_side)> on_upstream;
  void SignalRaised() { Ready(signals_, kIn); }
  void SocketChanged(Socket& socket) override;
  void CheckConnects();
  // At rest: nothing waits at a listening socket that could be accepted, and no socket has more
  // accept loops than there are workers. `stopping`: the server accepts nothing any more.
  void CheckListeners(bool stopping);
  // An upgrade (sim_upgrade.h): these are to be all listening sockets; no one accepts from Begin to
  // End; then the successor does, or the server again.
  void CheckHandover(const std::vector<int>& descriptors);
  void BeginCommit();
  void EndCommit(bool successor_serves);
  int open_descriptors() const { return open_; }
  std::vector<core::Worker*> workers;
  bool may_steal = true;
  bool stolen = false;  // since the last look: another worker has got a task

  // The reactors' side: what a system call would do.
  core::IoResult<int> Listen();
  core::IoResult<int> Duplicate(int fd);
  core::IoResult<int> Accept(int fd);
  core::IoResult<int> OpenSocket();
  void StartConnect(core::Op& op);
  void BeginClose(int fd);
  void FinishClose(int fd);
  void ShutdownWrite(int fd);
  Descriptor& at(int fd);
  OpSlot& SlotOf(const core::Op& op);
  // Whether the op could do something now.
  bool Executable(const core::Op& op);
  int Poll(const core::Op& op);
  // 0, or the errno with which a recv or a send fails: memory has run out.
  int MemoryError(Socket& socket, bool sends);
  // Whether it does not say what has become of the peer of a session that relays: with kNoMemory,
  // and with kLateCompletion, without which it is hardly asked.
  bool HidesState(Socket& socket);
  // A task that takes connections from the kernel, until it closes its listening descriptor.
  void NoteListener(const core::Runnable* task) { listener_tasks_.insert(task); }
  // Asked for by a listener, or by the session as the first thing it does.
  uint32_t ClientAddress(int fd);

  const Scenario& scenario() const { return scenario_; }
  bool mutant(Mutant mutant) const { return scenario_.options.mutant == mutant; }
  bool Chance(Fault fault) { return random_.Chance(scenario_.level(fault)); }
  Random& random() { return random_; }
  Network& network() { return network_; }
  Checker& checker() { return checker_; }
  Trace& trace() { return trace_; }

 private:
  core::IoResult<int> NewDescriptor(Descriptor::Kind kind);
  void StartProbe(core::Op& op, Descriptor& descriptor);
  void ConnectEnds(int fd, uint64_t life, int result);
  void Ready(Descriptor& descriptor, Direction direction);

  const Scenario& scenario_;
  Network& network_;
  Checker& checker_;
  Trace& trace_;
  Random random_;
  std::deque<Descriptor> table_;
  std::deque<Listening> listening_;
  std::deque<ProbePeer> probe_peers_;
  std::set<const core::Runnable*> listener_tasks_;
  Descriptor signals_;
  int open_ = 0;
  uint64_t lives_ = 0;
  enum class Whose : uint8_t { kServer, kNone, kSuccessor } listeners_are_ = Whose::kServer;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_KERNEL_H_
