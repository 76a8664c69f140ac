// Engine: runs the groups of a plan in one thread over one epoll instance and reports as JSON.
//
// Writes {"event": "measuring"} to standard output a twentieth of a second before it begins to
// count, and {"event": "measured"} when it ends, one line each. The program that reads the
// machine's counters then takes processor time outside of what is measured.
#ifndef SLUICE_LOADTEST_GENERATOR_ENGINE_H_
#define SLUICE_LOADTEST_GENERATOR_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "loadtest/generator/plan.h"
#include "loadtest/generator/shape.h"

namespace sluice::loadtest {

class Engine final : public Host {
 public:
  explicit Engine(const Plan& plan);
  ~Engine() override;

  // To be called once.
  nlohmann::json Run();

  Exchange& exchange() override { return exchange_; }
  bool Open(Connection& connection) override;
  void Watch(Connection& connection, uint32_t events) override;
  void Close(Connection& connection) override;

 private:
  // Opens all connections, a bounded number at a time.
  void OpenAll();
  void OpenNext();
  void Register(Connection& connection, int fd);
  void OnOpening(Connection& connection, uint32_t events);
  void Opened(Connection& connection, bool well);

  // Handles events until `deadline_ns`, or until `enough` returns true.
  void RunUntil(uint64_t deadline_ns, const std::function<bool()>& enough);
  uint64_t TickAll();
  bool complete() const;
  void WaitAndDispatch(uint64_t until_ns);
  void WatchStandardInput();
  nlohmann::json Report(double seconds);

  const Plan plan_;
  const int epoll_;
  Exchange exchange_;
  std::vector<std::unique_ptr<Shape>> shapes_;
  std::vector<Connection*> to_open_;  // the last one first
  uint64_t opening_ = 0;              // connections that have begun to open and are not open
  uint64_t serial_ = 0;
  bool running_ = false;  // the shapes have begun
  bool told_to_end_ = false;
};

}  // namespace sluice::loadtest

#endif  // SLUICE_LOADTEST_GENERATOR_ENGINE_H_
