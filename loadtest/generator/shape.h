// Shape: what one group of connections does. One file per shape; MakeShape() knows them all.
//
// The engine opens the connections, unless the shape opens its own, and makes one small exchange on
// each, so that a proxy has connected it to the upstream. Then
//
//   Begin ─► OnEvent, Tick … (warm-up, measuring) … ─► Finish ─► OnEvent, Tick … until finished()
//
// One thread: everything is called by the engine.
#ifndef SLUICE_LOADTEST_GENERATOR_SHAPE_H_
#define SLUICE_LOADTEST_GENERATOR_SHAPE_H_

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "loadtest/generator/clock.h"
#include "loadtest/generator/connection.h"
#include "loadtest/generator/exchange.h"
#include "loadtest/generator/plan.h"
#include "loadtest/generator/tally.h"

namespace sluice::loadtest {

// What a shape may ask of the engine.
class Host {
 public:
  virtual ~Host() = default;
  virtual Exchange& exchange() = 0;

  // Starts to connect; the connection's events follow. Returns false when that failed.
  virtual bool Open(Connection& connection) = 0;
  // Sets the events to report: EPOLLIN, EPOLLOUT, and EPOLLET for edges only.
  virtual void Watch(Connection& connection, uint32_t events) = 0;
  virtual void Close(Connection& connection) = 0;
};

class Shape {
 public:
  Shape(const GroupPlan& plan, Host& host);
  virtual ~Shape() = default;

  // Returns true for a shape that opens its own connections: the engine opens none for it.
  virtual bool opens_itself() const { return false; }

  virtual void Begin(uint64_t now) = 0;
  virtual void BeginMeasuring() { tally_.BeginMeasuring(); }
  // Returns true when all that it has to measure has been measured: measuring may end before its
  // time.
  virtual bool complete() const { return false; }
  virtual void OnEvent(Connection& connection, uint32_t events) = 0;
  // Does what is due; returns the time at which something is due again.
  virtual uint64_t Tick(uint64_t) { return kNever; }
  // Measuring is over; exchanges in flight may end.
  virtual void Finish() = 0;
  virtual bool finished() const = 0;
  // Adds the figures that only this shape has.
  virtual void Report(nlohmann::json&) const {}

  // Requests, or endless streams, that have not ended.
  uint64_t in_flight() const { return in_flight_; }
  const GroupPlan& plan() const { return plan_; }
  std::vector<Connection>& connections() { return connections_; }
  Tally& tally() { return tally_; }

 protected:
  // Sends a request of the group's sizes; closes the connection when that fails.
  void Request(Connection& connection, uint64_t due_ns);
  // Receives what has arrived; returns true when that completed the answer. Closes a failed
  // connection.
  bool Answered(Connection& connection);
  // Closes the connection as the group's `close` says.
  void Close(Connection& connection);
  // Counts an answer, and its latency while that is measured.
  void Count(const Connection& connection, uint64_t now);

  const GroupPlan plan_;
  Host& host_;
  Tally tally_;
  std::vector<Connection> connections_;
  uint64_t in_flight_ = 0;
  bool finishing_ = false;
};

std::unique_ptr<Shape> MakeClosedLoop(const GroupPlan& plan, Host& host);
std::unique_ptr<Shape> MakePipelined(const GroupPlan& plan, Host& host);
std::unique_ptr<Shape> MakeOpenLoop(const GroupPlan& plan, Host& host);
std::unique_ptr<Shape> MakeChurn(const GroupPlan& plan, Host& host);
std::unique_ptr<Shape> MakeStorm(const GroupPlan& plan, Host& host);
std::unique_ptr<Shape> MakeBulk(const GroupPlan& plan, Host& host);
std::unique_ptr<Shape> MakeIdle(const GroupPlan& plan, Host& host);
std::unique_ptr<Shape> MakeSlowReader(const GroupPlan& plan, Host& host);

// By the name in the plan, which ParsePlan() has checked.
std::unique_ptr<Shape> MakeShape(const GroupPlan& plan, Host& host);

}  // namespace sluice::loadtest

#endif  // SLUICE_LOADTEST_GENERATOR_SHAPE_H_
