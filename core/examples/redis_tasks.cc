// Many tasks that share one connection to Redis, by way of an actor (redis_actor.h): each sets a
// key of its own and gets it again.
//
//     bazel run //core/examples:redis_tasks -- 127.0.0.1:6379 --tasks=10
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/examples/arguments.h"
#include "core/examples/redis_actor.h"
#include "core/sluice.h"

namespace core = sluice::core;

namespace {

core::Task<std::string> SetAndGet(Redis redis, uint32_t number) {
  const std::string key = "task:" + std::to_string(number);
  const absl::Status set =
      co_await redis.Set(key, "value " + std::to_string(number), std::chrono::seconds(60));
  if (!set.ok()) co_return std::string(set.message());
  redis::Value value = co_await redis.Get(key);
  if (!value.ok()) co_return std::string(value.status().message());
  co_return key + " = " + value->value_or("(nothing)");
}

core::Task<int> Main(core::Address address, uint32_t count) {
  Redis redis = Redis::Start(core::RuntimeHandle::Current(), address);
  std::vector<core::JoinHandle<std::string>> tasks;
  for (uint32_t i = 0; i < count; ++i) tasks.push_back(core::Spawn(SetAndGet(redis, i)));
  int failed = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const std::string said = (co_await std::move(tasks[i])).value();
    std::printf("%s\n", said.c_str());
    if (!said.ends_with("= value " + std::to_string(i))) ++failed;
  }
  co_return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv, "redis_tasks [ADDRESS] [--tasks=N]");
  const core::Address address = arguments.AddressAt(0, "127.0.0.1:6379");
  const uint32_t tasks = arguments.Number("tasks", 10);
  return core::RunMain(Main(address, tasks), arguments.Runtime(/*most_words=*/1));
}
