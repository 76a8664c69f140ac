// Redis from plain threads: main knows nothing of tasks, BlockingRedis (redis_actor.h) does.
//
//     bazel run //core/examples:redis_threads -- 127.0.0.1:6379 set greeting hello 60
//     bazel run //core/examples:redis_threads -- 127.0.0.1:6379 get greeting other
//     bazel run //core/examples:redis_threads -- 127.0.0.1:6379 publish news "it works"
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/examples/arguments.h"
#include "core/examples/redis_actor.h"
#include "core/text/decimal.h"

namespace core = sluice::core;

namespace {

// Both print what came and return an exit code.
int Show(const redis::Value& value) {
  if (!value.ok()) {
    std::fprintf(stderr, "%s\n", std::string(value.status().message()).c_str());
    return 1;
  }
  std::printf("%s\n", value->value_or("(nothing)").c_str());
  return 0;
}
int Show(const absl::Status& status) {
  return Show(status.ok() ? redis::Value(std::optional<std::string>("OK")) : redis::Value(status));
}

// A thread for each key: their requests meet in the actor.
int GetAll(const BlockingRedis& redis, const std::vector<std::string>& keys) {
  std::vector<redis::Value> values(keys.size(), redis::Value(std::optional<std::string>()));
  std::vector<std::thread> threads;
  for (size_t i = 0; i < keys.size(); ++i) {
    threads.emplace_back([&, i] { values[i] = redis.Get(keys[i]); });
  }
  int code = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    threads[i].join();
    code |= Show(values[i]);
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv,
                      "redis_threads ADDRESS get KEY... | set KEY VALUE [SECONDS] | "
                      "publish CHANNEL MESSAGE");
  const core::Address address = arguments.AddressAt(0);
  const std::string command = arguments.WordsFrom(1, 2)[0];
  const std::vector<std::string> words = arguments.WordsFrom(2, command == "get" ? 1 : 2);
  const auto seconds = core::ParseDecimal(words.size() == 3 ? words[2] : "0");
  if (!seconds.has_value() || *seconds > 1'000'000'000) arguments.Fail("SECONDS is a number");
  auto redis = BlockingRedis::Start(address, arguments.Runtime(Arguments::kAnyWords));
  if (!redis.ok()) return Show(redis.status());
  if (command == "get") return GetAll(*redis, words);
  if (command == "set" && words.size() <= 3) {
    return Show(redis->Set(words[0], words[1], std::chrono::seconds(*seconds)));
  }
  if (command == "publish" && words.size() == 2) return Show(redis->Publish(words[0], words[1]));
  arguments.Fail("there is no such command");
}
