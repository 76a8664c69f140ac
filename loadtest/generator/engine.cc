#include "loadtest/generator/engine.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "loadtest/upstream/sockets.h"

namespace sluice::loadtest {
namespace {

constexpr int kEvents = 512;
constexpr uint64_t kMostOpening = 256;  // connections at a time
constexpr uint64_t kOpenPatience = 60 * kSecond;
constexpr uint64_t kFinishPatience = 5 * kSecond;
constexpr uint64_t kSampling = kSecond / 20;  // time for the reader of "measuring" to act
constexpr double kQuantiles[] = {0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 1};
constexpr double kNsPerUs = 1e3;

void Say(const char* event) {
  std::printf("{\"event\": \"%s\"}\n", event);
  std::fflush(stdout);
}

nlohmann::json ToJson(const Histogram& histogram) {
  nlohmann::json quantiles = nlohmann::json::array();
  for (const double quantile : kQuantiles) {
    quantiles.push_back({quantile, static_cast<double>(histogram.Quantile(quantile)) / kNsPerUs});
  }
  return {{"mean_us", histogram.mean() / kNsPerUs}, {"quantiles_us", quantiles}};
}

nlohmann::json ToJson(const Tally& tally) {
  return {{"done", tally.done},
          {"bytes_up", tally.bytes_up},
          {"bytes_down", tally.bytes_down},
          {"ready", tally.connections_ready},
          {"sent", tally.sent},
          {"answered", tally.answered},
          {"confirmed", tally.confirmed},
          {"errors",
           {{"connect_failed", tally.connect_failed},
            {"broken", tally.broken},
            {"wrong", tally.wrong},
            {"unanswered", tally.unanswered}}},
          {"latency", ToJson(tally.latency_ns)}};
}

}  // namespace

Engine::Engine(const Plan& plan)
    : plan_(plan), epoll_(epoll_create1(EPOLL_CLOEXEC)), exchange_(plan.verify) {
  for (const GroupPlan& group : plan_.groups) shapes_.push_back(MakeShape(group, *this));
}

Engine::~Engine() { close(epoll_); }

bool Engine::Open(Connection& connection) {
  const int fd = Dial(plan_.target, serial_++, plan_.socket_buffer);
  if (fd < 0) return false;
  Register(connection, fd);
  return true;
}

void Engine::Register(Connection& connection, int fd) {
  connection.fd = fd;
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &connection;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void Engine::Watch(Connection& connection, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.ptr = &connection;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
}

void Engine::Close(Connection& connection) {
  close(connection.fd);
  connection.fd = -1;
}

void Engine::OpenAll() {
  for (const auto& shape : shapes_) {
    if (shape->opens_itself()) continue;
    const std::vector<int>& descriptors = shape->plan().descriptors;
    for (size_t i = 0; i < shape->connections().size(); ++i) {
      if (descriptors.empty()) {
        to_open_.push_back(&shape->connections()[i]);
      } else {
        Register(shape->connections()[i], descriptors[i]);
        ++shape->tally().connections_ready;
      }
    }
  }
  std::reverse(to_open_.begin(), to_open_.end());
  OpenNext();
  RunUntil(NowNs() + kOpenPatience, [this] { return opening_ == 0 && to_open_.empty(); });
  for (const auto& shape : shapes_) {
    for (Connection& connection : shape->connections()) {
      if (!connection.opening) continue;
      Close(connection);
      Opened(connection, false);
    }
  }
}

void Engine::OpenNext() {
  while (!to_open_.empty() && opening_ < kMostOpening) {
    Connection& connection = *to_open_.back();
    to_open_.pop_back();
    connection.opening = Open(connection);
    if (connection.opening)
      ++opening_;
    else
      ++connection.shape->tally().connect_failed;
  }
}

// An exchange of the smallest size shows that the connection reaches the upstream.
void Engine::OnOpening(Connection& connection, uint32_t events) {
  Progress progress = Progress::kBroken;
  if (connection.busy()) {
    progress = exchange_.Continue(connection);
  } else if ((events & (EPOLLERR | EPOLLHUP)) == 0) {
    progress = exchange_.Begin(connection, kSmallestRequest, kSmallestAnswer, NowNs());
  }
  if (progress == Progress::kMore) return;
  if (progress != Progress::kDone) Close(connection);
  Opened(connection, progress == Progress::kDone);
}

void Engine::Opened(Connection& connection, bool well) {
  connection.opening = false;
  --opening_;
  Tally& tally = connection.shape->tally();
  ++(well ? tally.connections_ready : tally.connect_failed);
  OpenNext();
}

uint64_t Engine::TickAll() {
  if (!running_) return kNever;
  uint64_t next = kNever;
  const uint64_t now = NowNs();
  for (const auto& shape : shapes_) next = std::min(next, shape->Tick(now));
  return next;
}

bool Engine::complete() const {
  return std::all_of(shapes_.begin(), shapes_.end(),
                     [](const auto& shape) { return shape->complete(); });
}

void Engine::WaitAndDispatch(uint64_t until_ns) {
  const uint64_t now = NowNs();
  const uint64_t wait_ns = plan_.spin || until_ns <= now ? 0 : until_ns - now;
  const timespec timeout = {static_cast<time_t>(wait_ns / kSecond),
                            static_cast<long>(wait_ns % kSecond)};
  epoll_event events[kEvents];
  const int count = epoll_pwait2(epoll_, events, kEvents, &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    auto* connection = static_cast<Connection*>(events[i].data.ptr);
    if (connection == nullptr) {
      told_to_end_ = true;
    } else if (connection->opening) {
      OnOpening(*connection, events[i].events);
    } else if (connection->fd >= 0) {
      connection->shape->OnEvent(*connection, events[i].events);
    }
  }
}

void Engine::RunUntil(uint64_t deadline_ns, const std::function<bool()>& enough) {
  while (!enough() && NowNs() < deadline_ns) {
    WaitAndDispatch(std::min(TickAll(), deadline_ns));
  }
}

void Engine::WatchStandardInput() {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  // epoll cannot wait for a file, which counts as one that has ended.
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) told_to_end_ = true;
}

nlohmann::json Engine::Run() {
  prctl(PR_SET_TIMERSLACK, 1UL);
  OpenAll();
  running_ = true;
  for (const auto& shape : shapes_) shape->Begin(NowNs());
  const auto never = [] { return false; };
  RunUntil(NowNs() + static_cast<uint64_t>(plan_.warmup_s * kSecond), never);

  Say("measuring");
  RunUntil(NowNs() + kSampling, never);
  for (const auto& shape : shapes_) shape->BeginMeasuring();
  const uint64_t begin = NowNs();
  if (plan_.seconds > 0) {
    RunUntil(begin + static_cast<uint64_t>(plan_.seconds * kSecond), [this] { return complete(); });
  } else {
    WatchStandardInput();
    RunUntil(kNever, [this] { return told_to_end_; });
  }
  const uint64_t end = NowNs();
  Say("measured");

  for (const auto& shape : shapes_) shape->Finish();
  RunUntil(NowNs() + kFinishPatience, [this] {
    return std::all_of(shapes_.begin(), shapes_.end(),
                       [](const auto& shape) { return shape->finished(); });
  });
  return Report(static_cast<double>(end - begin) / kSecond);
}

nlohmann::json Engine::Report(double seconds) {
  nlohmann::json groups = nlohmann::json::object();
  for (const auto& shape : shapes_) {
    shape->tally().unanswered = shape->in_flight();
    nlohmann::json group = ToJson(shape->tally());
    shape->Report(group);
    groups[shape->plan().name] = std::move(group);
  }
  return {{"event", "result"}, {"seconds", seconds}, {"groups", groups}};
}

}  // namespace sluice::loadtest
