#include "loadtest/generator/plan.h"

#include <nlohmann/json.hpp>
#include <set>

#include "loadtest/upstream/wire.h"

namespace sluice::loadtest {
namespace {

using Json = nlohmann::json;

const std::set<std::string> kShapes = {"closed", "open", "churn", "storm", "bulk", "idle", "slow"};
const std::set<std::string> kDirections = {"down", "up", "both"};
const std::set<std::string> kCloses = {"fin", "reset"};
constexpr uint64_t kLargest = uint64_t{1} << 30;  // bytes of a request or an answer
constexpr uint64_t kMostConnections = 1'000'000;
constexpr uint64_t kMostInFlight = 1024;  // requests on one connection

// Reads the members of one object; remembers the first mistake.
class Reader {
 public:
  Reader(const Json& object, std::string place, std::string* error)
      : object_(object), place_(std::move(place)), error_(error) {
    if (!object.is_object()) Fail("", "is no object");
  }

  void Text(const char* key, std::string* value, const std::set<std::string>* allowed = nullptr) {
    const Json* found = Find(key);
    if (found == nullptr) return;
    if (!found->is_string()) return Fail(key, "is no string");
    *value = found->get<std::string>();
    if (allowed == nullptr || allowed->contains(*value)) return;
    std::string names;
    for (const std::string& name : *allowed) names += (names.empty() ? "" : ", ") + name;
    Fail(key, "\"" + *value + "\" is none of " + names);
  }

  void Integer(const char* key, uint64_t* value, uint64_t least, uint64_t most) {
    const Json* found = Find(key);
    if (found == nullptr) return;
    if (!found->is_number_unsigned()) return Fail(key, "is not an integer of 0 or more");
    *value = found->get<uint64_t>();
    if (*value >= least && *value <= most) return;
    Fail(key, std::to_string(*value) + " is not from " + std::to_string(least) + " to " +
                  std::to_string(most));
  }

  void Real(const char* key, double* value) {
    const Json* found = Find(key);
    if (found == nullptr) return;
    if (!found->is_number() || found->get<double>() < 0) return Fail(key, "is no number from 0 up");
    *value = found->get<double>();
  }

  void Integers(const char* key, std::vector<int>* values) {
    const Json* found = Find(key);
    if (found == nullptr) return;
    if (!found->is_array()) return Fail(key, "is no list");
    for (const Json& value : *found) {
      if (!value.is_number_unsigned()) return Fail(key, "has something else than integers");
      values->push_back(value.get<int>());
    }
  }

  void Flag(const char* key, bool* value) {
    const Json* found = Find(key);
    if (found == nullptr) return;
    if (!found->is_boolean()) return Fail(key, "is neither true nor false");
    *value = found->get<bool>();
  }

  // To be called last: a member that was not read is a mistake.
  void NothingElse() {
    if (!object_.is_object()) return;
    for (const auto& [key, value] : object_.items()) {
      if (!known_.contains(key)) Fail(key, "is not a known key");
    }
  }

  const Json* Find(const std::string& key) {
    known_.insert(key);
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

  void Fail(const std::string& key, const std::string& what) {
    if (error_->empty()) *error_ = place_ + key + ": " + what;
  }

 private:
  const Json& object_;
  const std::string place_;
  std::string* const error_;
  std::set<std::string> known_;
};

// What the members of a group do not allow each other.
void CheckGroup(const GroupPlan& group, Reader* reader) {
  if (group.shape == "open" && group.rate <= 0) reader->Fail("rate", "must be above 0 for open");
  if (group.write_bytes > 0 && group.direction != "up") {
    reader->Fail("write_bytes", "is for streams that go up");
  }
  if (group.shape == "bulk" && group.rate > 0 && group.write_bytes == 0) {
    reader->Fail("rate", "needs write_bytes for bulk");
  }
  if (!group.descriptors.empty() && group.descriptors.size() != group.connections) {
    reader->Fail("descriptors", "must be as many as connections");
  }
}

GroupPlan ParseGroup(const Json& json, size_t index, std::string* error) {
  GroupPlan group;
  Reader reader(json, "groups[" + std::to_string(index) + "].", error);
  group.request_bytes = kSmallestRequest;
  group.answer_bytes = kSmallestAnswer;
  group.direction = "down";
  group.close = "fin";
  reader.Text("shape", &group.shape, &kShapes);
  if (group.shape.empty()) reader.Fail("shape", "is missing");
  group.name = group.shape;
  reader.Text("name", &group.name);
  reader.Integer("connections", &group.connections, 1, kMostConnections);
  reader.Integer("request_bytes", &group.request_bytes, kSmallestRequest, kLargest);
  reader.Integer("answer_bytes", &group.answer_bytes, kSmallestAnswer, kLargest);
  reader.Real("rate", &group.rate);
  reader.Text("direction", &group.direction, &kDirections);
  reader.Integer("read_rate", &group.read_rate, 0, kLargest);
  reader.Integer("pipeline", &group.pipeline, 1, kMostInFlight);
  reader.Integer("write_bytes", &group.write_bytes, 0, kLargest);
  reader.Text("close", &group.close, &kCloses);
  reader.Real("lasts", &group.lasts_s);
  reader.Integers("descriptors", &group.descriptors);
  reader.NothingElse();
  CheckGroup(group, &reader);
  return group;
}

}  // namespace

std::string ParsePlan(const std::string& text, Plan* plan) {
  std::string error;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return "this is not JSON";
  Reader reader(json, "", &error);
  std::string target;
  reader.Text("target", &target);
  const auto address = ParseAddress(target);
  if (address)
    plan->target = *address;
  else
    reader.Fail("target", "\"" + target + "\" is no address such as 127.0.0.1:80");
  reader.Real("warmup_s", &plan->warmup_s);
  reader.Real("seconds", &plan->seconds);
  reader.Flag("spin", &plan->spin);
  reader.Integer("socket_buffer", &plan->socket_buffer, 0, kLargest);
  reader.Flag("verify", &plan->verify);
  const Json* groups = reader.Find("groups");
  reader.NothingElse();
  if (groups == nullptr || !groups->is_array() || groups->empty()) {
    reader.Fail("groups", "must be a list with at least one group");
    return error;
  }
  std::set<std::string> names;
  for (size_t i = 0; i < groups->size(); ++i) {
    plan->groups.push_back(ParseGroup((*groups)[i], i, &error));
    const std::string& name = plan->groups.back().name;
    if (!names.insert(name).second) reader.Fail("groups", "two are named \"" + name + "\"");
  }
  return error;
}

}  // namespace sluice::loadtest
