// Redis: a client of a Redis server that any number of tasks share. BlockingRedis: the same for
// plain threads.
//
//     Redis redis = Redis::Start(core::RuntimeHandle::Current(), address);     // can be copied
//     absl::StatusOr<std::optional<std::string>> value = co_await redis.Get("key");
//
// Behind both is an actor: one task that has the connection, so nothing needs a lock. A request
// carries the end of a oneshot with it, into which the actor puts the reply:
//
//   tasks, threads ── Request ──► [ channel of 32 ] ──► actor ── commands ──► Redis
//         ▲                                               │  ▲                  │
//         └────────── Oneshot: the reply, or why not ─────┘  └──── replies ─────┘
//
// Requests that have come together are sent together. A connection that fails is given up, what
// waited for it gets the error, and the next request makes a new one. The actor ends when the last
// Redis has gone.
#ifndef SLUICE_CORE_EXAMPLES_REDIS_ACTOR_H_
#define SLUICE_CORE_EXAMPLES_REDIS_ACTOR_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/examples/resp.h"
#include "core/sluice.h"

namespace redis {

namespace core = sluice::core;

using Answer = absl::StatusOr<resp::Reply>;
using Value = absl::StatusOr<std::optional<std::string>>;  // nothing: there is no such key

struct Request {
  resp::Words words;
  core::Oneshot<Answer>::Sender responder;
};
using Requests = core::Mpsc<Request>;

inline constexpr size_t kCapacity = 32;
inline constexpr core::Duration kPatience = std::chrono::seconds(5);  // with a server

// The connection of an actor.
class Connection {
 public:
  explicit Connection(core::TcpStream stream) : stream_(std::move(stream)) {}

  // Sends all and answers them in order; brings an errno or 0. `answered`: how many have been.
  core::Task<core::IoResult<void>> Exchange(std::vector<Request>& batch, size_t& answered) {
    std::string text;
    for (const Request& request : batch) text += resp::Command(request.words);
    const core::Transferred sent = co_await core::WriteAll(stream_, std::as_bytes(std::span(text)));
    if (!sent.ok()) co_return core::IoError(sent.error());
    for (; answered < batch.size(); ++answered) {
      core::IoResult<resp::Reply> reply = co_await resp::ReadReply(reader_);
      if (!reply.ok()) co_return core::IoError(reply.error());
      // One that has given up waiting does not mind (EPIPE).
      (void)batch[answered].responder.Send(std::move(*reply));
    }
    co_return core::IoResult<void>();
  }
  core::NetError Error(int error) const { return stream_.Error("ask", error); }

 private:
  core::TcpStream stream_;
  core::BufReader<core::TcpStream> reader_{stream_};
};

// Connects, unless it has. An error is told to all of the batch, and ends the connection.
inline core::Task<void> Serve(core::Address address, std::unique_ptr<Connection>& connection,
                              std::vector<Request>& batch) {
  size_t answered = 0;
  std::string why;
  if (connection == nullptr) {
    core::NetResult<core::TcpStream> stream = co_await core::TcpStream::Connect(address);
    if (stream.ok()) {
      connection = std::make_unique<Connection>(std::move(*stream));
    } else {
      why = stream.message();
    }
  }
  if (connection != nullptr) {
    core::IoResult<void> done =
        co_await core::WithTimeout(kPatience, connection->Exchange(batch, answered));
    if (done.ok()) co_return;
    why = connection->Error(done.error()).message();
    connection.reset();
  }
  for (; answered < batch.size(); ++answered) {
    (void)batch[answered].responder.Send(absl::UnavailableError(why));
  }
}

inline core::Task<void> Act(core::Address address, Requests::Receiver queue) {
  std::unique_ptr<Connection> connection;
  std::vector<Request> batch;
  while ((co_await queue.NextMany(batch, kCapacity)).ok()) {
    co_await Serve(address, connection, batch);
    batch.clear();
  }
}

inline absl::Status ErrorOf(const Answer& answer) {
  if (!answer.ok()) return answer.status();
  return answer->is_error() ? absl::InvalidArgumentError(*answer->text) : absl::OkStatus();
}
inline Value ValueOf(const Answer& answer) {
  if (const absl::Status error = ErrorOf(answer); !error.ok()) return error;
  return answer->text;
}

inline resp::Words SetCommand(std::string key, std::string value, core::Duration expiry) {
  resp::Words words = {"SET", std::move(key), std::move(value)};
  if (expiry == core::Duration(0)) return words;
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(expiry).count();
  words.insert(words.end(), {"PX", std::to_string(milliseconds)});
  return words;
}

}  // namespace redis

// Threads: a copy is one task's at a time.
class Redis {
 public:
  static Redis Start(sluice::core::RuntimeHandle runtime, sluice::core::Address address) {
    auto [sender, receiver] = redis::Requests::Make(redis::kCapacity);
    runtime.Spawn(redis::Act(address, std::move(receiver))).Detach();
    return Redis(std::move(sender));
  }

  sluice::core::Task<redis::Value> Get(std::string key) {
    co_return redis::ValueOf(co_await Ask({"GET", std::move(key)}));
  }
  // `expiry` 0: it stays.
  sluice::core::Task<absl::Status> Set(std::string key, std::string value,
                                       sluice::core::Duration expiry = {}) {
    co_return redis::ErrorOf(
        co_await Ask(redis::SetCommand(std::move(key), std::move(value), expiry)));
  }

 private:
  friend class BlockingRedis;
  explicit Redis(redis::Requests::Sender requests) : requests_(std::move(requests)) {}

  sluice::core::Task<redis::Answer> Ask(resp::Words words) {
    auto [responder, answer] = sluice::core::Oneshot<redis::Answer>::Make();
    const auto sent = co_await requests_.Send({std::move(words), std::move(responder)});
    if (!sent.ok()) co_return absl::CancelledError("the request was not sent");
    sluice::core::IoResult<redis::Answer> got = co_await answer;
    if (!got.ok()) co_return absl::CancelledError("there was no time for an answer");
    co_return std::move(*got);
  }

  redis::Requests::Sender requests_;
};

// It has a runtime of its own in the background. Threads: any, at the same time.
class BlockingRedis {
 public:
  // An error: the runtime cannot start.
  static absl::StatusOr<BlockingRedis> Start(sluice::core::Address address,
                                             sluice::core::RuntimeOptions options = {}) {
    auto runtime = std::make_unique<sluice::core::Runtime>(options);
    if (absl::Status started = runtime->StartInBackground(); !started.ok()) return started;
    Redis redis = Redis::Start(runtime->handle(), address);
    return BlockingRedis(std::move(runtime), std::move(redis));
  }

  redis::Value Get(std::string key) const { return redis::ValueOf(Ask({"GET", std::move(key)})); }
  absl::Status Set(std::string key, std::string value, sluice::core::Duration expiry = {}) const {
    return redis::ErrorOf(Ask(redis::SetCommand(std::move(key), std::move(value), expiry)));
  }
  // To how many subscribers, in decimal.
  redis::Value Publish(std::string channel, std::string message) const {
    return redis::ValueOf(Ask({"PUBLISH", std::move(channel), std::move(message)}));
  }

 private:
  BlockingRedis(std::unique_ptr<sluice::core::Runtime> runtime, Redis redis)
      : runtime_(std::move(runtime)), redis_(std::move(redis)) {}

  redis::Answer Ask(resp::Words words) const {
    redis::Requests::Sender requests = redis_.requests_;  // a sender for each thread
    auto [responder, answer] = sluice::core::Oneshot<redis::Answer>::Make();
    const auto sent = requests.BlockingSend({std::move(words), std::move(responder)});
    sluice::core::IoResult<redis::Answer> got = answer.BlockingTake();
    if (!sent.ok() || !got.ok()) return absl::UnavailableError("the client has ended");
    return std::move(*got);
  }

  std::unique_ptr<sluice::core::Runtime> runtime_;  // outlives what is sent to its tasks
  Redis redis_;
};

#endif  // SLUICE_CORE_EXAMPLES_REDIS_ACTOR_H_
